//! What callers ask of jobs: to end, or to go on after all.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use crate::domain::{JobId, JobState, TenantId};

/// What came of asking that a job end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelling {
    /// It only waited, and is CANCELLED.
    Done,
    /// A worker has it, and will end it.
    Requested,
    /// That was asked before.
    UnderWay,
    /// It had ended, this way.
    Ended(JobState),
}

#[derive(QueryableByName)]
struct AskedRow {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Bool)]
    held: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    cancel_requested_at: Option<DateTime<Utc>>,
}

/// Asks that a job of a tenant end. To be called in a transaction. `None` when there is no such job.
///
/// # Errors
/// When the database refuses.
pub async fn cancel(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: JobId,
) -> Result<Option<Cancelling>, StoreError> {
    let row: Option<AskedRow> = diesel::sql_query(
        "SELECT state, coalesce(lease_until >= now(), false) AS held, cancel_requested_at FROM jobs
         WHERE id = $1 AND tenant_id = $2 FOR NO KEY UPDATE",
    )
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .get_result(conn)
    .await
    .optional()?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (sql, cancelling) = match row.state.parse() {
        Ok(JobState::Queued) => (END, Cancelling::Done),
        // Whoever held it is gone: nobody would hear a request.
        Ok(JobState::Running) if !row.held => (END, Cancelling::Done),
        Ok(JobState::Running) if row.cancel_requested_at.is_some() => {
            return Ok(Some(Cancelling::UnderWay));
        }
        Ok(JobState::Running) => (REQUEST, Cancelling::Requested),
        Ok(over) => return Ok(Some(Cancelling::Ended(over))),
        // The column allows no other word.
        Err(_) => return Ok(None),
    };
    diesel::sql_query(sql)
        .bind::<diesel::sql_types::Uuid, _>(id.uuid())
        .execute(conn)
        .await?;
    Ok(Some(cancelling))
}

const REQUEST: &str = "UPDATE jobs SET cancel_requested_at = now() WHERE id = $1";

/// Rings of earlier dispatches and writes of a worker that comes back find nothing to do any more.
const END: &str = "\
    WITH ended AS (
        UPDATE jobs SET state = 'CANCELLED', finished_at = now(), lease_owner = NULL, lease_until = NULL,
               dispatch_no = dispatch_no + 1, cancel_requested_at = coalesce(cancel_requested_at, now())
        WHERE id = $1 RETURNING id
    )
    UPDATE job_attempts SET ended_at = now(), outcome = 'CANCELLED'
    WHERE job_id = (SELECT id FROM ended) AND ended_at IS NULL";

#[derive(QueryableByName)]
struct RetriedRow {
    #[diesel(sql_type = Integer)]
    dispatch_no: i32,
}

/// Puts a FAILED job of a tenant back, due now, to go on from what it last committed with its whole budget of attempts
/// before it. Returns its dispatch number; `None` when there is no such job or it is not FAILED.
///
/// # Errors
/// [`StoreError::Refused`] by [`ONE_ACTIVE_SYNC`](super::jobs::ONE_ACTIVE_SYNC) when the connection has an active sync.
pub async fn retry(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: JobId,
) -> Result<Option<i32>, StoreError> {
    let row: Option<RetriedRow> = diesel::sql_query(
        "WITH retried AS (
             UPDATE jobs SET state = 'QUEUED', due_at = now(), dispatch_no = dispatch_no + 1, barren_attempts = 0,
                    progress_at = now(), finished_at = NULL, error = NULL, cancel_requested_at = NULL
             WHERE id = $1 AND tenant_id = $2 AND state = 'FAILED' RETURNING id, dispatch_no
         ), begun_anew AS (
             -- By its export as that is now: what made it fail may have been corrected there.
             UPDATE export_runs SET definition = NULL, files = '[]', beside = '[]' WHERE id = (SELECT id FROM retried)
         )
         SELECT dispatch_no FROM retried",
    )
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .get_result(conn)
    .await
    .optional()?;
    Ok(row.map(|row| row.dispatch_no))
}
