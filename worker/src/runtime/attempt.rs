//! One attempt at one job: claim, work under a heartbeat, settle.

use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use rail_shared::domain::Failure;
use rail_shared::queue::Ring;
use rail_shared::store::{Lease, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Outcome;
use super::outcome::Progress;
use crate::{Worker, jobs};

/// What a job works with.
pub struct Attempt {
    /// What all jobs of the process share.
    pub worker: Worker,
    /// The right to work on this one.
    pub lease: Lease,
    /// Fires when the process is stopping: the batch in hand is committed, then the job is given back.
    pub stop: CancellationToken,
    committed: AtomicBool,
    /// Sealed, as they were when the attempt began.
    credentials: OnceLock<Vec<u8>>,
}

impl Attempt {
    /// Notes that something was committed: the job gets somewhere.
    pub fn made_progress(&self) {
        self.committed.store(true, Ordering::Relaxed);
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

/// Follows a ring: claims the job if it still waits, works on it, settles how that ended. Never fails: what could not
/// be written here is found by upkeep when the lease runs out.
pub async fn attempt(worker: Worker, ring: Ring, stop: CancellationToken) {
    let claimed = async {
        let mut conn = worker.store.connect().await?;
        Lease::claim(
            &mut conn,
            ring.job_id,
            ring.dispatch_no,
            &worker.name,
            worker.config.lease,
        )
        .await
    };
    let lease = match claimed.await {
        Ok(Some(lease)) => lease,
        Ok(None) => {
            tracing::debug!(job.id = %ring.job_id, ring.dispatch_no, "a stale ring");
            return;
        }
        Err(error) => {
            tracing::warn!(job.id = %ring.job_id, error = &error as &dyn std::error::Error, "could not claim");
            return;
        }
    };
    let span = tracing::info_span!(
        "job", job.id = %lease.job_id, job.kind = %lease.kind, attempt = lease.attempt,
        connection.id = lease.connection_id.map(tracing::field::display)
    );
    let attempt = Attempt {
        worker,
        lease,
        stop,
        committed: AtomicBool::new(false),
        credentials: OnceLock::new(),
    };
    run(&attempt).instrument(span).await;
}

async fn run(attempt: &Attempt) {
    let begun = Instant::now();
    let work = AssertUnwindSafe(async {
        match Outcome::before(&attempt.lease) {
            Some(outcome) => Some(outcome),
            None => jobs::run(attempt).await,
        }
    })
    .catch_unwind();
    let outcome = tokio::select! {
        outcome = work => outcome.unwrap_or_else(|_| {
            tracing::error!("the job panicked");
            Some(Outcome::Retry(Failure::internal()))
        }),
        () = keep_lease(attempt) => None,
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
                error = &error as &dyn std::error::Error,
                "could not settle; the lease will run out"
            );
        }
    }
}

/// Renews the lease until it is lost: then it returns, and the work is dropped where it stands.
async fn keep_lease(attempt: &Attempt) {
    let length = attempt.worker.config.lease;
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(length / 3).await;
        let asked = Instant::now();
        let renewal = async {
            let mut conn = attempt.worker.store.connect().await?;
            attempt.lease.renew(&mut conn, length).await
        };
        match tokio::time::timeout(length / 3, renewal).await {
            Ok(Ok(())) => renewed = asked,
            Ok(Err(StoreError::LeaseLost)) => return,
            Ok(Err(error)) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not renew the lease"
            ),
            Err(_) => tracing::warn!("renewing the lease takes too long"),
        }
        if renewed.elapsed() >= length {
            return;
        }
    }
}

/// Writes the end of the attempt, trying again while the lease may still be held.
async fn settle(attempt: &Attempt, outcome: Outcome) -> Result<(), StoreError> {
    let how = outcome.settled(&attempt.lease, attempt.progress());
    let deadline = Instant::now() + attempt.worker.config.lease;
    loop {
        match jobs::settle(attempt, &how).await {
            Err(StoreError::Unavailable(_)) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            settled => return settled,
        }
    }
}
