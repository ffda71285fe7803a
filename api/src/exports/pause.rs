//! Holding an export back from running by itself.

use rail_shared::domain::ExportId;
use rail_shared::store::audit;
use rail_shared::store::exports::{self, ExportRow};

use crate::connections::Wish;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::state::Api;

/// Holds an export back from running by itself, or lets it; one that is so already stays as it is.
///
/// # Errors
/// 404.
pub async fn wish(
    api: &Api,
    caller: &Caller,
    id: ExportId,
    wish: Wish,
) -> Result<ExportRow, Problem> {
    let now = api.clock.now();
    let mut transaction = api.store.begin().await?;
    let held = exports::hold(&mut transaction, caller.tenant(), id).await?;
    let row = held.ok_or_else(|| Problem::not_found("export"))?;
    let (paused_at, next_run_at, action) = match (wish, row.paused_at) {
        (Wish::Pause, Some(_)) | (Wish::Resume, None) => return Ok(row),
        (Wish::Pause, None) => (Some(now), None, "export.pause"),
        (Wish::Resume, Some(_)) => {
            let next = row.read_schedule().map(|schedule| schedule.next_after(now));
            (None, next, "export.resume")
        }
    };
    let row = exports::set_pause(&mut transaction, id, paused_at, next_run_at).await?;
    audit::write(&mut transaction, caller.actor(), action, &id.to_string()).await?;
    transaction.commit().await?;
    Ok(row)
}
