//! Jobs: what is accepted, waits, runs and ended. See DESIGN "Jobs" for the life cycle.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::StoreError;
use super::schema::jobs;
use crate::domain::{ConnectionId, Failure, JobId, JobKind, JobState, TenantId, UnknownWord};

/// The life of a job, as callers see it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct JobRow {
    /// Identity.
    #[diesel(deserialize_as = Uuid)]
    pub id: JobId,
    /// Where it stands.
    #[diesel(deserialize_as = String)]
    pub state: JobState,
    /// Attempts spent.
    pub attempt: i32,
    /// Why the last attempt did not succeed.
    pub error: Option<Value>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When a worker first claimed it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// When somebody asked to cancel it.
    pub cancel_requested_at: Option<DateTime<Utc>>,
}

impl JobRow {
    /// As it is when it was accepted: due at once.
    pub(super) fn fresh(id: JobId, created_at: DateTime<Utc>) -> Self {
        Self {
            id,
            state: JobState::Queued,
            attempt: 0,
            error: None,
            created_at,
            started_at: None,
            finished_at: None,
            cancel_requested_at: None,
        }
    }

    /// Why the last attempt did not succeed.
    ///
    /// # Errors
    /// When what is stored is not a failure we know.
    pub fn failure(&self) -> Result<Option<Failure>, StoreError> {
        Ok(self.error.clone().map(serde_json::from_value).transpose()?)
    }
}

/// The life of a job as a statement written by hand returns it, by the names of the columns.
#[derive(QueryableByName)]
#[diesel(table_name = jobs)]
pub(super) struct JobColumns {
    state: String,
    attempt: i32,
    error: Option<Value>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    cancel_requested_at: Option<DateTime<Utc>>,
}

impl JobColumns {
    /// Of the job with this id.
    ///
    /// # Errors
    /// When the word that is stored is none we know.
    pub(super) fn of(self, id: JobId) -> Result<JobRow, StoreError> {
        let Self {
            state,
            attempt,
            error,
            created_at,
            started_at,
            finished_at,
            cancel_requested_at,
        } = self;
        Ok(JobRow {
            id,
            state: known(&state)?,
            attempt,
            error,
            created_at,
            started_at,
            finished_at,
            cancel_requested_at,
        })
    }
}

/// A stored word, read.
///
/// # Errors
/// When it is none we know.
pub(super) fn known<W: FromStr<Err = UnknownWord>>(stored: &str) -> Result<W, StoreError> {
    let unreadable = |unknown: UnknownWord| DieselError::DeserializationError(unknown.into());
    Ok(stored.parse().map_err(unreadable)?)
}

/// The name of the constraint that allows one active sync per connection.
pub const ONE_ACTIVE_SYNC: &str = "jobs_one_active_sync";

/// The active sync of a connection.
///
/// # Errors
/// When the database refuses.
pub async fn active_sync(
    conn: &mut AsyncPgConnection,
    connection: ConnectionId,
) -> Result<Option<JobId>, StoreError> {
    let id: Option<Uuid> = jobs::table
        .filter(
            jobs::connection_id
                .eq(connection.uuid())
                .and(jobs::kind.eq(JobKind::Sync.as_str()))
                .and(jobs::state.eq_any([JobState::Queued.as_str(), JobState::Running.as_str()])),
        )
        .select(jobs::id)
        .first(conn)
        .await
        .optional()?;
    Ok(id.map(JobId::from))
}

/// A job that waits for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub id: JobId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Its current dispatch.
    pub dispatch_no: i32,
    /// Whether it is the first of its tenant.
    pub first: bool,
}

#[derive(QueryableByName)]
struct WaitingRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    dispatch_no: i32,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    first: bool,
}

/// The jobs of each tenant that are due: what it costs depends on the tenants that wait, not on their backlogs.
const DUE_OF_EACH: &str = "
    WITH RECURSIVE tenants AS (
        (SELECT tenant_id AS id FROM jobs WHERE state = 'QUEUED' AND kind = $1 ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT tenant_id FROM jobs WHERE state = 'QUEUED' AND kind = $1 AND tenant_id > tenants.id
                ORDER BY tenant_id LIMIT 1)
        FROM tenants WHERE tenants.id IS NOT NULL
    ), due AS (
        SELECT due.* FROM tenants, LATERAL (
            SELECT id, tenant_id, dispatch_no, due_at AS since FROM jobs
            WHERE state = 'QUEUED' AND kind = $1 AND tenant_id = tenants.id AND due_at <= now()
              AND (dispatch_no > 0 OR due_at <= now() - $2 * interval '1 millisecond')
            ORDER BY due_at LIMIT $3
        ) AS due
    )";

/// The same of webhooks, which all wait, nearly always for nothing, and have no backlogs: one job each.
const DUE_DELIVERIES: &str = "
    WITH due AS (
        SELECT id, tenant_id, dispatch_no, due_at AS since FROM jobs
        WHERE state = 'QUEUED' AND kind = 'delivery' AND due_at <= now()
          AND (dispatch_no > 0 OR due_at <= now() - $2 * interval '1 millisecond')
        ORDER BY due_at LIMIT $3
    )";

/// Jobs of a kind that nobody picked up though they could: due for longer than `grace_ms`, put back and due again, or
/// left by a worker whose lease ran out. Longest waiting first, but the first of each tenant before the second of any,
/// so that no backlog starves the others.
///
/// # Errors
/// When the database refuses.
pub async fn unattended(
    conn: &mut AsyncPgConnection,
    kind: JobKind,
    grace_ms: i64,
    at_most: i64,
) -> Result<Vec<Waiting>, StoreError> {
    // Whoever accepts a job rings for it, which takes a moment; nobody does when the wait of one that was put back is over.
    let due = match kind {
        JobKind::Sync | JobKind::Export => DUE_OF_EACH,
        JobKind::Delivery => DUE_DELIVERIES,
    };
    let rows: Vec<WaitingRow> = diesel::sql_query(format!(
        "{due}, waiting AS (
             SELECT * FROM due
             UNION ALL
             SELECT id, tenant_id, dispatch_no, lease_until FROM jobs
             WHERE state = 'RUNNING' AND kind = $1 AND lease_until < now()
         ), in_turn AS (
             SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY since) AS turn FROM waiting
         )
         SELECT id, tenant_id, dispatch_no, turn = 1 AS first FROM in_turn ORDER BY turn, since LIMIT $3"
    ))
    .bind::<diesel::sql_types::Text, _>(kind.as_str())
    .bind::<diesel::sql_types::BigInt, _>(grace_ms)
    .bind::<diesel::sql_types::BigInt, _>(at_most)
    .load(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Waiting {
            id: row.id.into(),
            tenant_id: row.tenant_id.into(),
            dispatch_no: row.dispatch_no,
            first: row.first,
        })
        .collect())
}
