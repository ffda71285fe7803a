//! Forgets the answers of requests that nobody repeats any more.

use rail_shared::store::{StoreError, idempotency_keys};

use crate::Worker;

/// Answers a round: the rest is left to the next.
const AT_MOST: i64 = 1_000;

pub(super) async fn forget_old(worker: &Worker) -> Result<(), StoreError> {
    let mut conn = worker.store.connect().await?;
    idempotency_keys::forget_old(&mut conn, AT_MOST).await?;
    Ok(())
}
