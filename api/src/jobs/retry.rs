//! Letting a job that failed go on.

use poem::http::StatusCode;
use rail_shared::domain::{JobId, JobState, SyncId};
use rail_shared::queue::Ring;
use rail_shared::store::job_lists::{self, Job, Purpose};
use rail_shared::store::jobs::{self, ONE_ACTIVE_SYNC};
use rail_shared::store::{self, StoreError, audit, job_requests};

use crate::connections;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::state::Api;
use crate::syncs;

/// Puts a FAILED job of the caller's tenant back and rings for it.
///
/// # Errors
/// 404; 409 `not-failed`, and for a sync what stands in the way of one.
pub async fn retry(api: &Api, caller: &Caller, id: JobId) -> Result<Job, Problem> {
    let tenant = caller.tenant();
    let mut transaction = api.store.begin().await?;
    let found = job_lists::find(&mut transaction, tenant, id).await?;
    let job = found.ok_or_else(|| Problem::not_found("job"))?;
    if job.row.state != JobState::Failed {
        return Err(not_failed(job.row.state));
    }
    if let Purpose::Sync(connection) = job.purpose {
        // As whoever accepts a sync does: what must not happen while one is active waits for this.
        store::connections::lock(&mut transaction, &[connection]).await?;
        let found = store::connections::find(&mut transaction, tenant, connection);
        let connection = found.await?.ok_or_else(|| Problem::not_found("job"))?;
        connections::connector(api, &connection)?;
        syncs::may_sync(&connection)?;
    }
    let dispatch_no = match job_requests::retry(&mut transaction, tenant, id).await {
        Ok(Some(dispatch_no)) => dispatch_no,
        // Somebody else did the same in between.
        Ok(None) => {
            let now = job_lists::find(&mut transaction, tenant, id).await?;
            return Err(match now {
                Some(job) => not_failed(job.row.state),
                None => Problem::not_found("job"),
            });
        }
        Err(refused) if refused.is_refusal_of(ONE_ACTIVE_SYNC) => {
            drop(transaction);
            return Err(in_the_way(api, job.purpose).await?);
        }
        Err(other) => return Err(other.into()),
    };
    let subject = id.to_string();
    audit::write(&mut transaction, caller.actor(), "job.retry", &subject).await?;
    let put_back = job_lists::find(&mut transaction, tenant, id).await?;
    transaction.commit().await?;
    let ring = Ring::new(id, tenant, dispatch_no);
    api.ringer.ring(job.purpose.kind(), ring);
    put_back.ok_or_else(Problem::internal)
}

async fn in_the_way(api: &Api, purpose: Purpose) -> Result<Problem, StoreError> {
    if let Purpose::Sync(connection) = purpose {
        let mut conn = api.store.connect().await?;
        if let Some(active) = jobs::active_sync(&mut conn, connection).await? {
            return Ok(syncs::already_active(
                connection,
                SyncId::from(active),
                syncs::OR_CANCEL,
            ));
        }
    }
    let detail = "Another sync of this connection ended right now; try again.";
    Ok(Problem::unavailable("busy", detail))
}

fn not_failed(state: JobState) -> Problem {
    let detail = format!("The job is {state}; only one that is FAILED can be retried.");
    Problem::new(StatusCode::CONFLICT, "not-failed", detail)
}
