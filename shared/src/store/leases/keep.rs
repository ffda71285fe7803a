//! The heartbeat: all leases of a process are kept with one statement.

use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::millis;
use crate::domain::JobId;
use crate::store::StoreError;
use crate::store::statement::statement;

/// A lease that is still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The job.
    pub job_id: JobId,
    /// Whether somebody asked to cancel it.
    pub cancelled: bool,
    /// Whether it lasts longer now: not when another transaction holds the job's row, for which nobody waits here.
    pub lengthened: bool,
}

#[derive(diesel::QueryableByName)]
struct KeptRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Bool)]
    cancelled: bool,
    #[diesel(sql_type = Bool)]
    lengthened: bool,
}

/// Lengthens leases, each a job and the fence it was claimed with; those that are missing from the answer are lost.
///
/// # Errors
/// When the database refuses.
pub async fn keep(
    conn: &mut AsyncPgConnection,
    held: &[(JobId, i64)],
    length: Duration,
) -> Result<Vec<Kept>, StoreError> {
    let (ids, fences): (Vec<Uuid>, Vec<i64>) =
        held.iter().map(|(id, fence)| (id.uuid(), fence)).unzip();
    let rows: Vec<KeptRow> = statement(
        "WITH held AS (
             SELECT * FROM unnest($1, $2) AS held (id, fence)
         ), free AS (
             SELECT jobs.id FROM jobs JOIN held ON jobs.id = held.id AND jobs.fence = held.fence
             WHERE state = 'RUNNING' FOR NO KEY UPDATE OF jobs SKIP LOCKED
         ), lengthened AS (
             UPDATE jobs SET lease_until = now() + $3 * interval '1 millisecond' WHERE id IN (SELECT id FROM free)
             RETURNING id
         )
         SELECT id, cancel_requested_at IS NOT NULL AS cancelled, id IN (SELECT id FROM lengthened) AS lengthened
         FROM jobs JOIN held USING (id, fence) WHERE state = 'RUNNING'",
    )
    .bind::<Array<diesel::sql_types::Uuid>, _>(ids)
    .bind::<Array<BigInt>, _>(fences)
    .bind::<BigInt, _>(millis(length))
    .load(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Kept {
            job_id: row.id.into(),
            cancelled: row.cancelled,
            lengthened: row.lengthened,
        })
        .collect())
}
