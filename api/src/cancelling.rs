//! Asking that work end.

use poem::http::StatusCode;
use rail_shared::domain::{JobId, JobKind, RunId, SyncId};
use rail_shared::store::Transaction;
use rail_shared::store::audit;
use rail_shared::store::job_requests::{self, Cancelling};

use crate::auth::Caller;
use crate::problem::Problem;

/// Asks that a sync or run of the caller's tenant end.
///
/// # Errors
/// 404; 409 `already-ended`.
pub async fn cancel(
    transaction: &mut Transaction,
    caller: &Caller,
    kind: JobKind,
    id: JobId,
) -> Result<(), Problem> {
    let (what, action) = match kind {
        JobKind::Sync => ("sync", "sync.cancel"),
        JobKind::Export => ("run", "run.cancel"),
    };
    match job_requests::cancel(transaction, caller.tenant(), id).await? {
        None => Err(Problem::not_found(what)),
        Some(Cancelling::Ended(state)) => Err(Problem::new(
            StatusCode::CONFLICT,
            "already-ended",
            format!("The {what} has ended: it is {state}."),
        )),
        Some(Cancelling::UnderWay) => Ok(()),
        Some(Cancelling::Done | Cancelling::Requested) => {
            Ok(audit::write(transaction, caller.actor(), action, &subject(kind, id)).await?)
        }
    }
}

/// A job as the audit log names it: by what it is for.
fn subject(kind: JobKind, id: JobId) -> String {
    match kind {
        JobKind::Sync => SyncId::from(id).to_string(),
        JobKind::Export => RunId::from(id).to_string(),
    }
}
