//! One attempt at one job: claim, work under a heartbeat, settle.

use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use rail_shared::domain::Failure;
use rail_shared::queue::Ring;
use rail_shared::store::{Lease, StoreError};
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::held::Held;
use super::outcome::Progress;
use super::settling::NotWritten;
use super::{Ending, Outcome};
use crate::Worker;

/// Until the end of an attempt is written again that could not be.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// What a job works with.
pub struct Attempt {
    /// What all jobs of the process share.
    pub worker: Worker,
    /// The right to work on this one.
    pub lease: Lease,
    /// Fires when the process is stopping, or when one part of the job has failed: what is in hand is committed, then the
    /// attempt ends.
    pub stop: CancellationToken,
    committed: AtomicBool,
    turn: Mutex<()>,
    /// Sealed, as they were when the attempt began.
    credentials: OnceLock<Vec<u8>>,
}

impl Attempt {
    /// Waits until nobody else writes for the job. Every transaction of a job holds its row, so that those of parts that go
    /// on at once would only wait for each other, each in a connection of its own.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Notes that something was committed that was begun at `since`: the job gets somewhere, and its lease lasts from then on.
    pub fn made_progress(&self, since: Instant) {
        self.committed.store(true, Ordering::Relaxed);
        self.worker.held.lengthened(&self.lease, since);
    }

    /// Remembers which credentials the attempt uses.
    pub fn uses_credentials(&self, sealed: &[u8]) {
        self.credentials.get_or_init(|| sealed.to_vec());
    }

    /// The sealed credentials the attempt uses; empty before it does.
    #[must_use]
    pub fn credentials_used(&self) -> &[u8] {
        self.credentials
            .get()
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    fn progress(&self) -> Progress {
        if self.committed.load(Ordering::Relaxed) {
            Progress::Made
        } else {
            Progress::None
        }
    }
}

/// What is done for a claimed job; `None` when the lease was lost.
pub type Work = for<'a> fn(&'a Attempt) -> BoxFuture<'a, Option<Outcome>>;

/// Follows a ring: claims the job if it still waits, works on it, settles how that ended. Never fails: what could not
/// be written here is found by upkeep when the lease runs out.
pub async fn attempt(worker: Worker, ring: Ring, stop: CancellationToken) {
    let Some((lease, since)) = worker.claims.claim(ring).await else {
        tracing::debug!(job.id = %ring.job_id, ring.dispatch_no, "not claimed");
        return;
    };
    let held = worker.held.add(&lease, since);
    let span = tracing::info_span!(
        "job", job.id = %lease.job_id, job.kind = %lease.kind, attempt = lease.attempt,
        connection.id = lease.connection_id.map(tracing::field::display)
    );
    let attempt = Attempt {
        worker,
        lease,
        stop: stop.child_token(),
        committed: AtomicBool::new(false),
        turn: Mutex::default(),
        credentials: OnceLock::new(),
    };
    run(&attempt, &held).instrument(span).await;
}

async fn run(attempt: &Attempt, held: &Held) {
    let begun = Instant::now();
    let work = AssertUnwindSafe(async {
        match Outcome::before(&attempt.lease) {
            Some(outcome) => Some(outcome),
            None => (attempt.worker.work)(attempt).await,
        }
    })
    .catch_unwind();
    let outcome = tokio::select! {
        biased;
        () = held.lost() => None,
        () = held.cancelled() => Some(Outcome::Cancelled),
        outcome = work => outcome.unwrap_or_else(|_| {
            tracing::error!("the job panicked");
            Some(Outcome::Retry(Failure::internal()))
        }),
    };
    let Some(outcome) = outcome else {
        tracing::warn!("the lease was lost; whoever holds it now goes on from the last commit");
        return;
    };
    let elapsed_ms = begun.elapsed().as_millis();
    match settle(attempt, outcome.clone()).await {
        Ok(()) => tracing::info!(?outcome, elapsed_ms, "settled"),
        Err(error) => {
            tracing::warn!(
                ?outcome,
                error = &*error as &dyn std::error::Error,
                "could not settle: it is settled already, or the lease will run out"
            );
        }
    }
}

/// Writes the end of the attempt, trying again while the lease may still be held.
async fn settle(attempt: &Attempt, outcome: Outcome) -> Result<(), NotWritten> {
    let ending = Ending {
        lease: attempt.lease.clone(),
        how: outcome.settled(&attempt.lease, attempt.progress()),
        credentials: attempt.credentials_used().to_vec(),
    };
    let deadline = Instant::now() + attempt.worker.config.lease;
    loop {
        match attempt.worker.settling.settle(ending.clone()).await {
            Err(error)
                if matches!(*error, StoreError::Unavailable(_)) && Instant::now() < deadline =>
            {
                tokio::time::sleep(TRY_AGAIN).await;
            }
            settled => return settled,
        }
    }
}
