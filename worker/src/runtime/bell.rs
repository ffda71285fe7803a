//! The adapter to apalis, and the only place in the worker that sees its types.
//!
//! apalis runs one worker per kind over the doorbell: it polls, starts and drains. Everything else it offers (retry,
//! delay, priority, restarts by its monitor) stays off, because the truth about a job is in Postgres.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use apalis::prelude::{Data, WorkerBuilder, WorkerContext, WorkerError};
use futures::FutureExt;
use rail_shared::domain::JobKind;
use rail_shared::queue::{Doorbell, Ring, Slot, pause_after};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Pool;

/// Calls `on_ring` for every ring of a kind, and for every job the pool starts directly, at most as many at a time as the
/// pool has slots, until `stop` fires and the calls under way have ended. Whatever breaks in between is started anew.
///
/// A call that panics is logged and is over. Dropping the future ends the calls under way at their next await.
pub async fn listen<F, Fut>(
    doorbell: Doorbell,
    kind: JobKind,
    pool: Pool,
    stop: CancellationToken,
    on_ring: F,
) where
    F: Fn(Ring) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let Pool {
        size,
        slots,
        mut direct,
    } = pool;
    let listening = CancellationToken::new();
    let _until_dropped = listening.clone().drop_guard();
    let ears = Ears {
        doorbell,
        kind,
        slots: slots.clone(),
        stop: stop.clone(),
        listening: listening.clone(),
    };
    let rung = keep_going(kind, &stop, || ears.clone().listen(on_ring.clone()));
    let started = async {
        while let Some(Some((ring, slot))) = stop.run_until_cancelled(direct.recv()).await {
            let call = occupied(slot, on_ring.clone(), ring);
            tokio::spawn(contained(
                ring,
                listening.clone().run_until_cancelled_owned(call),
            ));
        }
    };
    tokio::join!(rung, started);
    direct.close();
    while direct.try_recv().is_ok() {}
    // Calls go on when the loop that started them broke: they are waited for as well.
    let _ = slots.acquire_many(size).await;
}

/// Runs the loop again whenever it ends without having been asked to.
async fn keep_going<Fut>(kind: JobKind, stop: &CancellationToken, mut run: impl FnMut() -> Fut)
where
    Fut: Future<Output = String>,
{
    let mut failures = 0;
    while !stop.is_cancelled() {
        let ended = run().await;
        if stop.is_cancelled() {
            return;
        }
        failures += 1;
        tracing::error!(job.kind = %kind, failures, ended, "the loop that hears rings ended; it is started anew");
        stop.run_until_cancelled(tokio::time::sleep(pause_after(failures)))
            .await;
    }
}

#[derive(Clone)]
struct Ears {
    doorbell: Doorbell,
    kind: JobKind,
    slots: Arc<Semaphore>,
    stop: CancellationToken,
    listening: CancellationToken,
}

impl Ears {
    /// Runs one apalis worker to its end and says what ended it.
    async fn listen<F, Fut>(self, on_ring: F) -> String
    where
        F: Fn(Ring) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listening = self.listening;
        let call = move |ring: Ring, slot: Data<Slot>| {
            let call = occupied(slot.0, on_ring.clone(), ring);
            contained(ring, listening.clone().run_until_cancelled_owned(call))
        };
        let context = WorkerContext::new(&super::unique_name(self.kind.as_str()));
        let rings = self.doorbell.rings(self.kind, self.slots, &self.stop);
        let worker = WorkerBuilder::new(&context).backend(rings).build(call);
        let mut running = AssertUnwindSafe(worker.run()).catch_unwind().boxed();
        let ended = tokio::select! {
            biased;
            ended = &mut running => ended,
            () = self.stop.cancelled() => {
                // It has been polled, so it has started, so it can be stopped.
                match context.stop() {
                    Ok(()) => running.await,
                    Err(error) => Ok(Err(error)),
                }
            }
        };
        describe(ended)
    }
}

async fn occupied<S, F, Fut>(slot: S, on_ring: F, ring: Ring)
where
    F: Fn(Ring) -> Fut,
    Fut: Future<Output = ()>,
{
    on_ring(ring).await;
    drop(slot);
}

/// Runs a call as a task of its own: apalis polls all calls within one task, where one that computes would hold up the
/// others, and one that panics would take them along.
async fn contained<T: Send + 'static>(ring: Ring, call: impl Future<Output = T> + Send + 'static) {
    if let Err(error) = tokio::spawn(call).await {
        tracing::error!(job.id = %ring.job_id, ring.dispatch_no, %error, "a job panicked");
    }
}

fn describe(ended: std::thread::Result<Result<(), WorkerError>>) -> String {
    match ended {
        Ok(Ok(())) => "it was done".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it panicked".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_ends_unasked_is_started_anew_until_the_stop() {
        let stop = CancellationToken::new();
        let mut runs = 0;
        keep_going(JobKind::Sync, &stop, || {
            runs += 1;
            if runs == 100 {
                stop.cancel();
            }
            std::future::ready("it was done".to_owned())
        })
        .await;
        assert_eq!(runs, 100);
    }
}
