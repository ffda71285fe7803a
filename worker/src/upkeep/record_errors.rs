//! Empties the payloads of record errors that nobody looked after for long.

use rail_shared::store::{StoreError, record_errors};

use crate::Worker;

/// Payloads a round, up to 64 KiB each: the rest is left to the next.
const AT_MOST: i64 = 200;

pub(super) async fn empty_old_payloads(worker: &Worker) -> Result<(), StoreError> {
    let mut conn = worker.store.connect().await?;
    record_errors::empty_old_payloads(&mut conn, AT_MOST).await?;
    Ok(())
}
