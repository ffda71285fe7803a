//! Jobs of all kinds, as callers look at them: what each is for, and how its attempts ended.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::jobs::JobRow;
use super::schema::{export_runs, job_attempts, jobs};
use super::{Listed, PageAsk, StoreError};
use crate::domain::{
    AttemptOutcome, ConnectionId, ExportId, Failure, JobId, JobKind, JobState, TenantId,
};

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A sync of this connection.
    Sync(ConnectionId),
    /// A run of this export.
    Export(ExportId),
}

impl Purpose {
    /// The kind of such a job.
    #[must_use]
    pub fn kind(self) -> JobKind {
        match self {
            Self::Sync(_) => JobKind::Sync,
            Self::Export(_) => JobKind::Export,
        }
    }
}

/// A job of any kind.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its life.
    pub row: JobRow,
    /// When it may be worked on.
    pub due_at: DateTime<Utc>,
    /// What it is for.
    pub purpose: Purpose,
}

/// Which jobs a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Only {
    /// Of this kind.
    pub kind: Option<JobKind>,
    /// That stand here.
    pub state: Option<JobState>,
}

/// Kinds whose jobs are somebody's; a webhook's job is the webhook.
const LISTED: [&str; 2] = [JobKind::Sync.as_str(), JobKind::Export.as_str()];

type Columns = (JobRow, DateTime<Utc>, Option<Uuid>, Option<Uuid>);

fn job((row, due_at, connection, export): Columns) -> Option<Job> {
    let purpose = match (connection, export) {
        (Some(connection), _) => Purpose::Sync(connection.into()),
        (None, export) => Purpose::Export(export?.into()),
    };
    Some(Job {
        row,
        due_at,
        purpose,
    })
}

/// A tenant's jobs, newest first. A kind that only a newer version knows is left out.
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    only: Only,
    ask: PageAsk,
) -> Result<Listed<Job>, StoreError> {
    let mut query = jobs::table
        .left_join(export_runs::table)
        .filter(jobs::tenant_id.eq(tenant.uuid()))
        .filter(jobs::kind.eq_any(LISTED))
        .order(jobs::id.desc())
        .limit(ask.probe())
        .select((
            JobRow::as_select(),
            jobs::due_at,
            jobs::connection_id,
            export_runs::export_id.nullable(),
        ))
        .into_boxed();
    if let Some(kind) = only.kind {
        query = query.filter(jobs::kind.eq(kind.as_str()));
    }
    if let Some(state) = only.state {
        query = query.filter(jobs::state.eq(state.as_str()));
    }
    if let Some(after) = ask.after {
        query = query.filter(jobs::id.lt(after));
    }
    let Listed { rows, more } = Listed::of(query.load::<Columns>(conn).await?, ask.limit);
    Ok(Listed {
        rows: rows.into_iter().filter_map(job).collect(),
        more,
    })
}

/// One job of a tenant.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: JobId,
) -> Result<Option<Job>, StoreError> {
    let columns: Option<Columns> = jobs::table
        .left_join(export_runs::table)
        .filter(jobs::tenant_id.eq(tenant.uuid()))
        .filter(jobs::id.eq(id.uuid()))
        .filter(jobs::kind.eq_any(LISTED))
        .select((
            JobRow::as_select(),
            jobs::due_at,
            jobs::connection_id,
            export_runs::export_id.nullable(),
        ))
        .first(conn)
        .await
        .optional()?;
    Ok(columns.and_then(job))
}

/// One attempt at a job.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = job_attempts)]
pub struct AttemptRow {
    /// Its number; one that spent none has the number of the next.
    pub attempt: i32,
    /// Who made it.
    pub worker: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How.
    outcome: Option<String>,
    error: Option<Value>,
}

impl AttemptRow {
    /// How it ended.
    ///
    /// # Errors
    /// When the word that is stored is none we know.
    pub fn outcome(&self) -> Result<Option<AttemptOutcome>, crate::domain::UnknownWord> {
        self.outcome.as_deref().map(str::parse).transpose()
    }

    /// Why it did not succeed.
    ///
    /// # Errors
    /// When what is stored is not a failure we know.
    pub fn failure(&self) -> Result<Option<Failure>, StoreError> {
        Ok(self.error.clone().map(serde_json::from_value).transpose()?)
    }
}

/// The last attempts at a job, newest first. The caller has found the job to be its tenant's.
///
/// # Errors
/// When the database refuses.
pub async fn attempts(
    conn: &mut AsyncPgConnection,
    job: &Job,
    at_most: i64,
) -> Result<Vec<AttemptRow>, StoreError> {
    Ok(job_attempts::table
        .filter(job_attempts::job_id.eq(job.row.id.uuid()))
        .order(job_attempts::fence.desc())
        .limit(at_most)
        .select(AttemptRow::as_select())
        .load(conn)
        .await?)
}
