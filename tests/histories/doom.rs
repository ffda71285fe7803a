//! What befalls an attempt of a job: it dies at a step, stands still, is asked to stop.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::task::AtomicWaker;
use rail_shared::failpoints::{Fate, watched};
use rail_shared::queue::Ring;
use rail_worker::Worker;
use rail_worker::runtime::{self, Attempt, Outcome, Work};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::trouble::Trouble;

/// Steps at which nothing is locked, so that another worker may go on while one stands still there.
const RESTS: [&str; 7] = [
    "a batch is committed",
    "single records are committed",
    "a part of what was not seen is deleted",
    "a piece of a file is about to be handed over",
    "a file of an export is about to become visible",
    "the manifest of an export is about to be written",
    "the files of an export are about to be told",
];

tokio::task_local! {
    static DOOM: Arc<Doom>;
}

/// One attempt's.
struct Doom {
    work: Work,
    trouble: Option<Trouble>,
    steps: AtomicU64,
    rests: AtomicU64,
    stop: CancellationToken,
    died: Notify,
    frozen: AtomicBool,
    froze: Notify,
    thaw: AtomicWaker,
}

/// How an attempt went.
pub enum Went {
    /// To its end, or to its death.
    Over,
    /// It stands still.
    Frozen(Frozen),
}

/// An attempt that stands still.
pub struct Frozen {
    doom: Arc<Doom>,
    running: JoinHandle<()>,
}

impl Frozen {
    /// Lets it go on; to be awaited for its end.
    pub fn thaw(self) -> JoinHandle<()> {
        self.doom.frozen.store(false, Ordering::SeqCst);
        self.doom.thaw.wake();
        self.running
    }
}

/// Lets a worker follow a ring until that is over or stands still.
pub async fn attempt(worker: Worker, ring: Ring, trouble: Option<Trouble>) -> Went {
    let doom = Arc::new(Doom {
        work: worker.work,
        trouble,
        steps: AtomicU64::new(0),
        rests: AtomicU64::new(0),
        stop: CancellationToken::new(),
        died: Notify::new(),
        frozen: AtomicBool::new(false),
        froze: Notify::new(),
        thaw: AtomicWaker::new(),
    });
    let worker = Worker {
        work: doomed,
        ..worker
    };
    let following = runtime::attempt(worker, ring, doom.stop.clone());
    let mut running = tokio::spawn(DOOM.scope(Arc::clone(&doom), following));
    tokio::select! {
        biased;
        over = &mut running => over.expect("an attempt that does not panic"),
        () = doom.died.notified() => {
            running.abort();
            // What it holds in memory goes with it.
            let _ = running.await;
        }
        () = doom.froze.notified() => return Went::Frozen(Frozen { doom, running }),
    }
    Went::Over
}

/// The work of a worker, with what befalls it.
fn doomed(attempt: &Attempt) -> BoxFuture<'_, Option<Outcome>> {
    let doom = DOOM.with(Arc::clone);
    async move {
        let mut work = (doom.work)(attempt);
        let icy = Arc::clone(&doom);
        let work = poll_fn(move |context| {
            icy.thaw.register(context.waker());
            if icy.frozen.load(Ordering::SeqCst) {
                return Poll::Pending;
            }
            work.poll_unpin(context)
        });
        let watching = Arc::clone(&doom);
        let outcome = if doom.hear("the job is claimed") == Fate::Die {
            None
        } else {
            watched(move |step| watching.hear(step), work).await
        };
        match outcome {
            Some(outcome)
                if doom.hear("the work is done and its end not written") == Fate::Live =>
            {
                outcome
            }
            _ => {
                doom.died.notify_one();
                pending().await
            }
        }
    }
    .boxed()
}

impl Doom {
    /// A step is reached: what follows.
    fn hear(&self, step: &str) -> Fate {
        let here = self.steps.fetch_add(1, Ordering::SeqCst);
        let rest = if RESTS.contains(&step) {
            Some(self.rests.fetch_add(1, Ordering::SeqCst))
        } else {
            None
        };
        match self.trouble {
            Some(Trouble::Crash(at)) if at == here => return Fate::Die,
            Some(Trouble::Stop(at)) if at == here => self.stop.cancel(),
            Some(Trouble::Freeze(at) | Trouble::Nap(at)) if Some(at) == rest => {
                self.frozen.store(true, Ordering::SeqCst);
                self.froze.notify_one();
            }
            _ => {}
        }
        Fate::Live
    }
}
