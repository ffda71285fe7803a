//! Asking that work end.

use poem::http::StatusCode;
use rail_shared::domain::{EventType, JobId, JobState, RunId, SyncId, TenantId};
use rail_shared::store::Transaction;
use rail_shared::store::audit;
use rail_shared::store::events::{self, NewEvent};
use rail_shared::store::job_lists::Purpose;
use rail_shared::store::job_requests::{self, Cancelling};

use crate::http::auth::Caller;
use crate::http::problem::Problem;

/// Asks that a sync or run of the caller's tenant end. What ends at once is reported as an event here, what a worker
/// ends by that worker. Returned are the tenants whose webhooks are to be woken after the commit.
///
/// # Errors
/// 404; 409 `already-ended`.
pub async fn cancel(
    transaction: &mut Transaction,
    caller: &Caller,
    purpose: Purpose,
    id: JobId,
) -> Result<Vec<TenantId>, Problem> {
    let (tenant, kind) = (caller.tenant(), purpose.kind());
    let (what, action, subject, connection_id) = match purpose {
        Purpose::Sync(connection) => {
            let subject = SyncId::from(id).to_string();
            ("sync", "sync.cancel", subject, Some(connection))
        }
        Purpose::Export(_) => ("run", "run.cancel", RunId::from(id).to_string(), None),
    };
    let cancelling = match job_requests::cancel(transaction, tenant, id).await? {
        None => return Err(Problem::not_found(what)),
        Some(Cancelling::Ended(state)) => {
            let detail = format!("The {what} has ended: it is {state}.");
            return Err(Problem::new(StatusCode::CONFLICT, "already-ended", detail));
        }
        Some(Cancelling::UnderWay) => return Ok(Vec::new()),
        Some(asked) => asked,
    };
    audit::write(transaction, caller.actor(), action, &subject).await?;
    let reported = EventType::of_end(kind, JobState::Cancelled);
    if let (Cancelling::Done, Some(event_type)) = (cancelling, reported) {
        let cancelled = NewEvent {
            tenant_id: tenant,
            connection_id,
            event_type,
            subject_id: id.uuid(),
        };
        return Ok(events::append(transaction, &[cancelled]).await?);
    }
    Ok(Vec::new())
}
