//! Settling: attempts that end at about the same time share one commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rail_shared::domain::{JobId, JobKind, JobState};
use rail_shared::queue::{Ring, Ringer};
use rail_shared::store::leases::Standing;
use rail_shared::store::{Lease, Settled, Store, StoreError};

use super::grouped::Grouped;
use super::waking::Waking;
use crate::jobs;

/// Ends in one transaction.
const AT_MOST: usize = 256;

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The job, and the right to write its end.
    pub lease: Lease,
    /// How it is settled.
    pub how: Settled,
    /// The sealed credentials it used; empty where it used none.
    pub credentials: Vec<u8>,
}

/// Why an end was not written; shared by those that were to be written together.
pub(super) type NotWritten = Arc<StoreError>;

/// Where ends are written. Cheap to clone.
#[derive(Clone)]
pub struct Settling(Grouped<Ending, Result<(), NotWritten>>);

impl Settling {
    /// Writes to this store, rings for what is put back without a wait, and wakes those who listen to what it reports. Must
    /// be called within a tokio runtime.
    #[must_use]
    pub fn new(store: Store, ringer: Ringer, waking: Waking) -> Self {
        let settler = Arc::new(Settler {
            store,
            ringer,
            waking,
        });
        Self(Grouped::new(AT_MOST, move |ends| {
            let settler = settler.clone();
            async move { settler.settle(ends).await }
        }))
    }

    /// Writes one end.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the lease is held no more: nothing was changed.
    pub(super) async fn settle(&self, ending: Ending) -> Result<(), NotWritten> {
        let gone = || Err(Arc::new(StoreError::LeaseLost));
        self.0.ask(ending).await.unwrap_or_else(gone)
    }
}

struct Settler {
    store: Store,
    ringer: Ringer,
    waking: Waking,
}

impl Settler {
    async fn settle(&self, ends: Vec<Ending>) -> Vec<Result<(), NotWritten>> {
        let (alone, together): (Vec<_>, Vec<_>) =
            ends.iter().partition(|end| jobs::settles_alone(end));
        let mut written: HashMap<JobId, Result<(), NotWritten>> = HashMap::new();
        match jobs::settle(&self.store, &together).await {
            Ok((standings, listening)) => {
                self.waking.tenants(listening);
                self.note(&together, &standings, &mut written);
            }
            Err(error @ StoreError::Unavailable(_)) => {
                let error = Arc::new(error);
                written.extend(
                    together
                        .iter()
                        .map(|end| (end.lease.job_id, Err(error.clone()))),
                );
            }
            // One of them may be at fault: the others are not to suffer for it.
            Err(_) => self.one_by_one(&together, &mut written).await,
        }
        self.one_by_one(&alone, &mut written).await;
        ends.iter()
            .map(|end| {
                written
                    .remove(&end.lease.job_id)
                    .unwrap_or_else(|| Err(Arc::new(StoreError::LeaseLost)))
            })
            .collect()
    }

    async fn one_by_one(
        &self,
        ends: &[&Ending],
        written: &mut HashMap<JobId, Result<(), NotWritten>>,
    ) {
        for end in ends {
            match jobs::settle(&self.store, std::slice::from_ref(end)).await {
                Ok((standings, listening)) => {
                    self.waking.tenants(listening);
                    self.note(std::slice::from_ref(end), &standings, written);
                }
                Err(error) => {
                    written.insert(end.lease.job_id, Err(Arc::new(error)));
                }
            }
        }
    }

    fn note(
        &self,
        ends: &[&Ending],
        standings: &[Standing],
        written: &mut HashMap<JobId, Result<(), NotWritten>>,
    ) {
        let by_job: HashMap<JobId, &Standing> = standings
            .iter()
            .map(|standing| (standing.job_id, standing))
            .collect();
        for end in ends {
            let Some(standing) = by_job.get(&end.lease.job_id) else {
                continue;
            };
            written.insert(standing.job_id, Ok(()));
            if standing.state == JobState::Queued && end.lease.kind == JobKind::Delivery {
                self.waking.webhook(standing.job_id.into());
            }
            if standing.state == JobState::Queued && end.how.wait() == Duration::ZERO {
                let ring = Ring::new(standing.job_id, end.lease.tenant_id, standing.dispatch_no);
                self.ringer.ring(end.lease.kind, ring);
            }
        }
    }
}
