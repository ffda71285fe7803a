//! Commits of a sync.

use std::time::Instant;

use rail_shared::store::StoreError;
use rail_shared::store::records::{self, Batch, Committed};

use crate::runtime::Attempt;

/// Commits a batch once it is its turn: one of a sync at a time, and few in a process.
pub(super) async fn commit(attempt: &Attempt, batch: &Batch<'_>) -> Result<Committed, StoreError> {
    let _turn = attempt.turn().await;
    let _place = attempt.worker.memory.batch().await;
    let begun = Instant::now();
    let committed = records::commit(&attempt.worker.store, &attempt.lease, batch).await?;
    attempt.made_progress(begun);
    Ok(committed)
}
