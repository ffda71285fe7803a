//! Sees to it that every job that waits and that nobody picked up is picked up: by ringing again, or, while Redis is
//! away, by starting it here.

use rail_shared::domain::JobKind;
use rail_shared::queue::{Ring, Urgency};
use rail_shared::store::StoreError;
use rail_shared::store::jobs::{self, Waiting};

use super::Pace;
use crate::Worker;
use crate::runtime::Starter;

/// How long a due job is left to the ring of whoever accepted it.
const GRACE_MS: i64 = 1_000;
/// Rings a round; and rings that may wait in a list before more would only pile up.
const AT_MOST: usize = 1_000;

pub(super) async fn attend(
    worker: &Worker,
    starters: &[(JobKind, Starter)],
) -> Result<Pace, StoreError> {
    let mut pace = Pace::Usual;
    for (kind, starter) in starters {
        let mut conn = worker.store.connect().await?;
        let waiting = jobs::unattended(&mut conn, *kind, GRACE_MS, AT_MOST as i64).await?;
        drop(conn);
        let more_wait = waiting.len() >= AT_MOST;
        let attended = if worker.doorbell.is_up() {
            ring(worker, *kind, &waiting).await
        } else {
            waiting
                .iter()
                .take_while(|job| starter.start(of(job)))
                .count()
        };
        if attended > 0 && more_wait {
            pace = Pace::Hurried;
        }
    }
    Ok(pace)
}

async fn ring(worker: &Worker, kind: JobKind, waiting: &[Waiting]) -> usize {
    let urgency = |job: &Waiting| {
        if job.first {
            Urgency::First
        } else {
            Urgency::InTurn
        }
    };
    let rings: Vec<_> = waiting.iter().map(|job| (of(job), urgency(job))).collect();
    if rings.is_empty() {
        return 0;
    }
    match worker.doorbell.top_up(kind, &rings, AT_MOST).await {
        Ok(added) => added,
        Err(error) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "could not ring again"
            );
            0
        }
    }
}

fn of(job: &Waiting) -> Ring {
    Ring::new(job.id, job.tenant_id, job.dispatch_no)
}
