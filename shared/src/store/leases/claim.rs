//! Claims: many at once, in one statement.

use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{Lease, millis};
use crate::domain::{EventType, JobId, JobKind, TenantId};
use crate::store::StoreError;
use crate::store::events::{self, NewEvent};
use crate::store::statement::statement;

#[derive(diesel::QueryableByName)]
struct ClaimedRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    connection_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    fence: i64,
    #[diesel(sql_type = Integer)]
    attempt: i32,
    #[diesel(sql_type = Integer)]
    barren_attempts: i32,
    #[diesel(sql_type = BigInt)]
    idle_ms: i64,
    #[diesel(sql_type = Bool)]
    cancelled: bool,
}

/// What a claim brought.
#[derive(Debug)]
pub struct Claimed {
    /// The leases.
    pub leases: Vec<Lease>,
    /// The tenants whose webhooks are to be [woken](crate::store::webhooks::wake): something started.
    pub listening: Vec<TenantId>,
}

/// Claims jobs for `worker`, each as of the dispatch named beside it. A job that is missing from the answer was claimed
/// by another, ended or was put back meanwhile: its ring was stale, and that is fine.
///
/// # Errors
/// When the database refuses.
pub async fn claim(
    conn: &mut AsyncPgConnection,
    dispatches: &[(JobId, i32)],
    worker: &str,
    length: Duration,
) -> Result<Claimed, StoreError> {
    let (ids, numbers): (Vec<Uuid>, Vec<i32>) = dispatches
        .iter()
        .map(|(id, dispatch_no)| (id.uuid(), dispatch_no))
        .unzip();
    conn.transaction(async |conn| {
        // A row that another transaction holds is passed over: whoever holds it is about to change it.
        let rows: Vec<ClaimedRow> = statement(
            "WITH clock AS MATERIALIZED (
                 SELECT clock_timestamp() AS now
             ), free AS (
                 SELECT jobs.id FROM jobs JOIN unnest($1, $2) AS rung (id, dispatch_no) ON jobs.id = rung.id
                 WHERE (state = 'QUEUED' AND due_at <= now() AND jobs.dispatch_no = rung.dispatch_no)
                    OR (state = 'RUNNING' AND lease_until < now())
                 FOR NO KEY UPDATE OF jobs SKIP LOCKED
             ), claimed AS (
                 UPDATE jobs SET state = 'RUNNING', attempt = attempt + 1, fence = fence + 1,
                        barren_attempts = barren_attempts + (state = 'RUNNING')::int, lease_owner = $3,
                        -- Counted from when its attempt begins, not from when the transaction did.
                        lease_until = clock.now + $4 * interval '1 millisecond', started_at = coalesce(started_at, now()),
                        progress_at = CASE WHEN fence = 0 THEN now() ELSE progress_at END
                 FROM clock WHERE id IN (SELECT id FROM free)
                 RETURNING jobs.*
             ), abandoned AS (
                 UPDATE job_attempts SET ended_at = clock.now, outcome = 'LEASE_LOST' FROM claimed, clock
                 WHERE job_id = claimed.id AND job_attempts.fence = claimed.fence - 1 AND ended_at IS NULL
             ), begun AS (
                 INSERT INTO job_attempts (job_id, fence, attempt, worker, started_at)
                 SELECT id, fence, attempt, $3, clock.now FROM claimed, clock
             )
             SELECT id, tenant_id, connection_id, kind, fence, attempt, barren_attempts,
                    (extract(epoch FROM now() - progress_at) * 1000)::bigint AS idle_ms,
                    cancel_requested_at IS NOT NULL AS cancelled
             FROM claimed",
        )
        .bind::<Array<diesel::sql_types::Uuid>, _>(ids)
        .bind::<Array<Integer>, _>(numbers)
        .bind::<Text, _>(worker)
        .bind::<BigInt, _>(millis(length))
        .load(conn)
        .await?;
        // A kind that only a newer version knows is left to that version's workers, once its lease ran out.
        let leases: Vec<Lease> = rows.iter().filter_map(|row| lease(row, length)).collect();
        let listening = events::append(conn, &started(&leases)).await?;
        Ok(Claimed { leases, listening })
    })
    .await
}

fn lease(row: &ClaimedRow, length: Duration) -> Option<Lease> {
    Some(Lease {
        job_id: row.id.into(),
        tenant_id: row.tenant_id.into(),
        connection_id: row.connection_id.map(Into::into),
        kind: row.kind.parse().ok()?,
        fence: row.fence,
        attempt: row.attempt,
        barren_attempts: row.barren_attempts,
        idle_for: Duration::from_millis(row.idle_ms.try_into().unwrap_or(0)),
        cancelled: row.cancelled,
        length,
    })
}

/// A sync starts with its first claim; later ones go on with it.
fn started(leases: &[Lease]) -> Vec<NewEvent> {
    leases
        .iter()
        .filter(|lease| lease.kind == JobKind::Sync && lease.fence == 1)
        .map(|lease| NewEvent {
            tenant_id: lease.tenant_id,
            connection_id: lease.connection_id,
            event_type: EventType::SyncStarted,
            subject_id: lease.job_id.uuid(),
        })
        .collect()
}
