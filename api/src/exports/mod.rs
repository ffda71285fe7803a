//! Exports: made, changed, paused; what a run of one would write, and where.

pub mod destination;
mod dry_run;
mod known;
mod pause;
mod write;

use rail_shared::domain::ExportId;
use rail_shared::store::Conn;
use rail_shared::store::exports::{self, ExportRow};

pub use dry_run::dry_run;
pub use known::{Known, known};
pub use pause::wish;
pub use write::{change, changed, create};

use crate::http::answer::Found;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::export::Export;

/// An export of the caller's tenant.
///
/// # Errors
/// 404 when there is none.
pub async fn find(conn: &mut Conn, caller: &Caller, id: ExportId) -> Result<ExportRow, Problem> {
    let found = exports::find(conn, caller.tenant(), id).await?;
    found.ok_or_else(|| Problem::not_found("export"))
}

/// An export as it is answered.
pub fn tagged(row: ExportRow) -> Found<Export> {
    let etag = etag(&row);
    Found::new(row).tagged(etag)
}

/// What stands for a version of an export.
pub fn etag(row: &ExportRow) -> String {
    format!("\"v{}\"", row.version)
}
