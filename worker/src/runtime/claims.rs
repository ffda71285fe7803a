//! Claims: all rings that were heard at about the same time are followed with one statement.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rail_shared::domain::JobId;
use rail_shared::failpoints::step;
use rail_shared::queue::{Ring, pause_after};
use rail_shared::store::{Lease, Store, StoreError, leases};

use super::grouped::Grouped;
use super::waking::Waking;

/// Claims in one statement.
const AT_MOST: usize = 256;

/// A lease, and when it was asked for: it lasts from then on at least.
pub(super) type Claimed = (Lease, Instant);

/// Where rings become leases. Cheap to clone.
#[derive(Clone)]
pub struct Claims(Grouped<Ring, Option<Claimed>>);

impl Claims {
    /// Claims for the worker of this name. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(store: Store, worker: String, length: Duration, waking: Waking) -> Self {
        let claimer = Arc::new(Claimer {
            store,
            worker,
            length,
            waking,
            failures: AtomicU32::new(0),
        });
        Self(Grouped::new(AT_MOST, move |rings| {
            let claimer = claimer.clone();
            async move { claimer.claim(&rings).await }
        }))
    }

    /// Claims the job if it still waits.
    pub(super) async fn claim(&self, ring: Ring) -> Option<Claimed> {
        self.0.ask(ring).await.flatten()
    }
}

struct Claimer {
    store: Store,
    worker: String,
    length: Duration,
    waking: Waking,
    failures: AtomicU32,
}

impl Claimer {
    async fn claim(&self, rings: &[Ring]) -> Vec<Option<Claimed>> {
        let since = Instant::now();
        let leases = match self.leases(rings).await {
            Ok(leases) => {
                step("jobs are claimed");
                self.failures.store(0, Ordering::Relaxed);
                leases
            }
            Err(error) => {
                tracing::warn!(
                    rings = rings.len(),
                    error = &error as &dyn std::error::Error,
                    "could not claim; upkeep rings again"
                );
                // The slots stay taken meanwhile, so that no more rings are popped in vain.
                let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                tokio::time::sleep(pause_after(failures)).await;
                Vec::new()
            }
        };
        let mut by_job: HashMap<JobId, Lease> = leases
            .into_iter()
            .map(|lease| (lease.job_id, lease))
            .collect();
        rings
            .iter()
            .map(|ring| by_job.remove(&ring.job_id).map(|lease| (lease, since)))
            .collect()
    }

    async fn leases(&self, rings: &[Ring]) -> Result<Vec<Lease>, StoreError> {
        let mut conn = self.store.connect().await?;
        let dispatches: Vec<(JobId, i32)> = rings
            .iter()
            .map(|ring| (ring.job_id, ring.dispatch_no))
            .collect();
        let claimed = leases::claim(&mut conn, &dispatches, &self.worker, self.length).await?;
        self.waking.tenants(claimed.listening);
        Ok(claimed.leases)
    }
}
