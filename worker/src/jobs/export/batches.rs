//! Records on their way from the view to whoever looks at them on another thread, some hundred at a time.

use std::pin::pin;

use futures::TryStreamExt;
use rail_shared::store::Transaction;
use rail_shared::store::extract::{self, ExtractedRow, Source};
use tokio::sync::mpsc::Sender;

use super::plan::Plan;
use crate::runtime::Halt;

/// How many batches, or what became of them, wait to be taken: enough that nobody waits for a thread to wake up.
pub(super) const WAITING: usize = 2;
/// When a batch is handed over.
const BATCH_BYTES: usize = 256 * 1024;
const BATCH_ROWS: usize = 1_000;

/// Some records, in their order.
pub(super) type Batch = Vec<ExtractedRow>;

/// Hands over all records of a source, unless those who take them are gone: they say why.
pub(super) async fn read(
    plan: &Plan,
    source: &Source,
    view: &mut Transaction,
    to: Sender<Batch>,
) -> Result<(), Halt> {
    let mut rows = pin!(extract::rows(view, source, plan.filter.as_ref()).await?);
    let (mut batch, mut bytes) = (Batch::new(), 0);
    while let Some(row) = rows.try_next().await? {
        bytes += row.external_id.len() + row.payload.len();
        batch.push(row);
        if bytes >= BATCH_BYTES || batch.len() >= BATCH_ROWS {
            let capacity = batch.len();
            let full = std::mem::replace(&mut batch, Batch::with_capacity(capacity));
            bytes = 0;
            if to.send(full).await.is_err() {
                return Ok(());
            }
        }
    }
    // Whether somebody takes it makes no difference any more.
    let _ = to.send(batch).await;
    Ok(())
}
