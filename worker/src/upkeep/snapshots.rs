//! Removes what is left of snapshots: those whose sync did not end well, and those that were deleted.

use rail_shared::store::StoreError;
use rail_shared::store::snapshots::{self, Left};

use crate::Worker;

/// Snapshots given up a round.
const SNAPSHOTS: i64 = 100;
/// Records removed in one transaction, and such transactions a round: the rest is left to the next.
const RECORDS: i64 = 1_000;
const STEPS: usize = 8;

pub(super) async fn reclaim(worker: &Worker) -> Result<(), StoreError> {
    let mut conn = worker.store.connect().await?;
    snapshots::discard_unfinished(&mut conn, SNAPSHOTS).await?;
    drop(conn);
    for _ in 0..STEPS {
        if snapshots::collect(&worker.store, RECORDS).await? == Left::Nothing {
            break;
        }
    }
    Ok(())
}
