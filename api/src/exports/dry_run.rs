//! What a run would write.

use std::time::Duration;

use poem::http::StatusCode;
use rail_shared::domain::ExportId;
use rail_shared::store::{exports, extract};

use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::export::{DryRun, DryRunFile};
use crate::state::Api;

/// How long a dry run counts.
const DRY_RUN_PATIENCE: Duration = Duration::from_secs(20);

/// Counts what a run would write now.
///
/// # Errors
/// 404; 409 `snapshot-gone`; 503 `takes-too-long`.
pub async fn dry_run(api: &Api, caller: &Caller, id: ExportId) -> Result<DryRun, Problem> {
    let mut view = api.store.view().await?;
    view.end_statements_after(DRY_RUN_PATIENCE).await?;
    let found = exports::find(&mut view, caller.tenant(), id).await?;
    let row = found.ok_or_else(|| Problem::not_found("export"))?;
    let filter = row.read_filter().map_err(|_| Problem::internal())?;
    let mut files = Vec::with_capacity(row.entities.len());
    for (entity, source) in extract::sources(&mut view, &row).await? {
        let Some(source) = source else {
            let detail = format!("The snapshot of this export holds no {entity}, or was deleted.");
            return Err(Problem::new(StatusCode::CONFLICT, "snapshot-gone", detail));
        };
        let rows = extract::count(&mut view, &source, filter.as_ref()).await?;
        files.push(DryRunFile { entity, rows });
    }
    Ok(DryRun {
        rows: files.iter().map(|file| file.rows).sum(),
        files,
    })
}
