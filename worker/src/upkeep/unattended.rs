//! Rings again for every job that waits and that nobody picked up.

use rail_shared::domain::JobKind;
use rail_shared::queue::Ring;
use rail_shared::store::{StoreError, jobs};

use crate::Worker;

/// How long a due job is left to the ring of whoever accepted it.
const GRACE_MS: i64 = 1_000;
/// Rings a round; and rings that may wait in a list before more would only pile up.
const AT_MOST: i64 = 1_000;

pub(super) async fn ring(worker: &Worker) -> Result<(), StoreError> {
    let mut conn = worker.store.connect().await?;
    let waiting = jobs::unattended(&mut conn, GRACE_MS, AT_MOST).await?;
    drop(conn);
    if waiting.is_empty() {
        return Ok(());
    }
    for kind in JobKind::ALL {
        // A list that is long already tells of these jobs, or of others that come first.
        let depth = worker.doorbell.depth(*kind).await.unwrap_or(0);
        if depth >= AT_MOST.unsigned_abs() {
            continue;
        }
        let of_kind = waiting.iter().filter(|job| job.kind == *kind);
        for job in of_kind {
            worker.ringer.ring(
                *kind,
                Ring {
                    job_id: job.id,
                    dispatch_no: job.dispatch_no,
                },
            );
        }
    }
    tracing::debug!(jobs = waiting.len(), "rang again");
    Ok(())
}
