//! The leases this process holds: kept by one heartbeat, and told when they are lost or their jobs are to be cancelled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rail_shared::domain::JobId;
use rail_shared::store::{Lease, Store, StoreError, leases};
use tokio_util::sync::CancellationToken;

/// How often the heartbeat looks, at least: a cancel is to be heard within two seconds.
const LOOK_EVERY: Duration = Duration::from_millis(1_000);

/// All of them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct HeldLeases {
    by_job: Arc<Mutex<HashMap<JobId, Signals>>>,
}

#[derive(Debug, Clone)]
struct Signals {
    fence: i64,
    since: Instant,
    lost: CancellationToken,
    cancelled: CancellationToken,
}

/// One of them: forgotten when dropped.
#[derive(Debug)]
pub(super) struct Held {
    job_id: JobId,
    signals: Signals,
    among: HeldLeases,
}

impl Held {
    /// Returns when the lease is lost: nothing may be written any more.
    pub(super) async fn lost(&self) {
        self.signals.lost.cancelled().await;
    }

    /// Returns when somebody asked to cancel the job.
    pub(super) async fn cancelled(&self) {
        self.signals.cancelled.cancelled().await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.among.lock();
        if held
            .get(&self.job_id)
            .is_some_and(|signals| signals.fence == self.signals.fence)
        {
            held.remove(&self.job_id);
        }
    }
}

impl HeldLeases {
    /// Notes a lease that was just claimed, at the latest at `since`.
    pub(super) fn add(&self, lease: &Lease, since: Instant) -> Held {
        let signals = Signals {
            fence: lease.fence,
            since,
            lost: CancellationToken::new(),
            cancelled: CancellationToken::new(),
        };
        if lease.cancelled {
            signals.cancelled.cancel();
        }
        self.lock().insert(lease.job_id, signals.clone());
        Held {
            job_id: lease.job_id,
            signals,
            among: self.clone(),
        }
    }

    /// Notes that a commit lengthened a lease, which it did later than `at`.
    pub(super) fn lengthened(&self, lease: &Lease, at: Instant) {
        let mut held = self.lock();
        let of_this = held.get_mut(&lease.job_id);
        if let Some(signals) = of_this.filter(|signals| signals.fence == lease.fence) {
            signals.since = signals.since.max(at);
        }
    }

    /// Keeps them, for ever. Those that cannot be kept for as long as they last are given up.
    pub(crate) async fn keep(&self, store: &Store, length: Duration) {
        let every = (length / 3).min(LOOK_EVERY);
        loop {
            tokio::time::sleep(every).await;
            let held: Vec<(JobId, i64)> = self
                .lock()
                .iter()
                .map(|(job_id, signals)| (*job_id, signals.fence))
                .collect();
            if held.is_empty() {
                continue;
            }
            let asked = Instant::now();
            let kept = async {
                let mut conn = store.connect().await?;
                leases::keep(&mut conn, &held, length).await
            };
            match tokio::time::timeout(length / 3, kept).await {
                Ok(Ok(kept)) => self.note(&held, &kept, asked),
                Ok(Err(error)) => warn(held.len(), &error),
                Err(_) => tracing::warn!(jobs = held.len(), "keeping the leases takes too long"),
            }
            for signals in self
                .lock()
                .values()
                .filter(|held| held.since.elapsed() >= length)
            {
                signals.lost.cancel();
            }
        }
    }

    fn note(&self, asked_for: &[(JobId, i64)], kept: &[leases::Kept], at: Instant) {
        let kept: HashMap<JobId, &leases::Kept> =
            kept.iter().map(|kept| (kept.job_id, kept)).collect();
        let mut held = self.lock();
        for (job_id, fence) in asked_for {
            // It may have ended, or have been claimed anew, meanwhile.
            let Some(signals) = held.get_mut(job_id).filter(|held| held.fence == *fence) else {
                continue;
            };
            match kept.get(job_id) {
                Some(kept) => {
                    if kept.lengthened {
                        signals.since = signals.since.max(at);
                    }
                    if kept.cancelled {
                        signals.cancelled.cancel();
                    }
                }
                None => signals.lost.cancel(),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Signals>> {
        self.by_job.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn warn(jobs: usize, error: &StoreError) {
    tracing::warn!(
        jobs,
        error = error as &dyn std::error::Error,
        "could not keep the leases"
    );
}
