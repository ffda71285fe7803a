//! Runs of exports: what came out; their life is in `jobs`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::audit::Actor;
use super::jobs::{self as job_verbs, JobRow, NewJob};
use super::schema::{export_runs, jobs};
use super::statement::statement;
use super::{Lease, Listed, PageAsk, StoreError};
use crate::domain::{ExportId, JobKind, JobState, RunId, TenantId};

/// A row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = export_runs)]
pub struct RunRow {
    /// Identity, the same number as its job's.
    #[diesel(deserialize_as = Uuid)]
    pub id: RunId,
    /// Of which export.
    #[diesel(deserialize_as = Uuid)]
    pub export_id: ExportId,
    /// Records written so far.
    pub rows: i64,
    /// Bytes written so far.
    pub bytes: i64,
    /// The files, once all are whole: a list of [`RunFile`].
    pub files: Value,
}

/// One file a run left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// The entity in it.
    pub entity: String,
    /// Its key below the destination.
    pub key: String,
    /// Where the caller finds it.
    pub location: String,
    /// Records in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Of its bytes, hexadecimal.
    pub sha256: String,
}

/// A run, whole.
#[derive(Debug, Clone)]
pub struct Run {
    /// What came out.
    pub row: RunRow,
    /// Its life.
    pub job: JobRow,
    /// The files it left behind.
    pub files: Vec<RunFile>,
}

impl Run {
    fn of((row, job): (RunRow, JobRow)) -> Result<Self, StoreError> {
        let files = serde_json::from_value(row.files.clone())?;
        Ok(Self { row, job, files })
    }

    /// As it is when it was accepted.
    fn fresh(id: RunId, export_id: ExportId, created_at: DateTime<Utc>) -> Self {
        Self {
            row: RunRow {
                id,
                export_id,
                rows: 0,
                bytes: 0,
                files: Value::Array(Vec::new()),
            },
            job: JobRow {
                id: id.into(),
                state: JobState::Queued,
                attempt: 0,
                error: None,
                created_at,
                started_at: None,
                finished_at: None,
                cancel_requested_at: None,
            },
            files: Vec::new(),
        }
    }
}

#[derive(QueryableByName)]
struct StartedRow {
    #[diesel(sql_type = sql_types::Timestamptz)]
    created_at: DateTime<Utc>,
}

/// Accepts a run on request: job, run and the line of the audit log, all with one statement, because every round trip
/// costs more than what it asks for. `None` when the tenant has no such export.
///
/// # Errors
/// When the database refuses.
pub async fn start(
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    export: ExportId,
    at: DateTime<Utc>,
) -> Result<Option<Run>, StoreError> {
    let id = RunId::new();
    let started = statement(
        "WITH wanted AS (
             SELECT $1 AS run_id, id, tenant_id FROM exports WHERE tenant_id = $2 AND id = $3
         ), job AS (
             INSERT INTO jobs (id, tenant_id, kind, created_at) SELECT run_id, tenant_id, $4, $5 FROM wanted RETURNING created_at
         ), run AS (
             INSERT INTO export_runs (id, tenant_id, export_id) SELECT run_id, tenant_id, id FROM wanted
         ), noted AS (
             INSERT INTO audit_log (tenant_id, key_id, action, subject, request_id)
             SELECT tenant_id, $6, 'export.run', $7, $8 FROM wanted
         )
         SELECT created_at FROM job",
    )
    .bind::<sql_types::Uuid, _>(id.uuid())
    .bind::<sql_types::Uuid, _>(actor.grant.tenant_id.uuid())
    .bind::<sql_types::Uuid, _>(export.uuid())
    .bind::<sql_types::Text, _>(JobKind::Export.as_str())
    .bind::<sql_types::Timestamptz, _>(at)
    .bind::<sql_types::Uuid, _>(actor.grant.key_id.uuid())
    .bind::<sql_types::Text, _>(id.to_string())
    .bind::<sql_types::Text, _>(&actor.request_id)
    .get_result::<StartedRow>(conn)
    .await
    .optional();
    match started.map_err(StoreError::from) {
        Ok(row) => Ok(row.map(|row| Run::fresh(id, export, row.created_at))),
        // The export was erased meanwhile.
        Err(StoreError::Refused(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Accepts a run: the job and the run. To be called in a transaction.
///
/// # Errors
/// When the database refuses.
pub async fn accept(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    export: ExportId,
    at: DateTime<Utc>,
) -> Result<RunId, StoreError> {
    let id = RunId::new();
    let job = NewJob {
        id: id.into(),
        tenant_id: tenant,
        connection_id: None,
        kind: JobKind::Export,
        created_at: at,
    };
    job_verbs::accept(conn, job).await?;
    diesel::insert_into(export_runs::table)
        .values((
            export_runs::id.eq(id.uuid()),
            export_runs::tenant_id.eq(tenant.uuid()),
            export_runs::export_id.eq(export.uuid()),
        ))
        .execute(conn)
        .await?;
    Ok(id)
}

/// One run of a tenant's export.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    export: ExportId,
    id: RunId,
) -> Result<Option<Run>, StoreError> {
    export_runs::table
        .inner_join(jobs::table)
        .filter(
            export_runs::tenant_id
                .eq(tenant.uuid())
                .and(export_runs::export_id.eq(export.uuid()))
                .and(export_runs::id.eq(id.uuid())),
        )
        .select((RunRow::as_select(), JobRow::as_select()))
        .first(conn)
        .await
        .optional()?
        .map(Run::of)
        .transpose()
}

/// The runs of an export, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    export: ExportId,
    ask: PageAsk,
) -> Result<Listed<Run>, StoreError> {
    let mut query = export_runs::table
        .inner_join(jobs::table)
        .filter(
            export_runs::tenant_id
                .eq(tenant.uuid())
                .and(export_runs::export_id.eq(export.uuid())),
        )
        .order(export_runs::id.desc())
        .limit(ask.probe())
        .select((RunRow::as_select(), JobRow::as_select()))
        .into_boxed();
    if let Some(after) = ask.after {
        query = query.filter(export_runs::id.lt(after));
    }
    let listed = Listed::of(query.load::<(RunRow, JobRow)>(conn).await?, ask);
    let rows = listed
        .rows
        .into_iter()
        .map(Run::of)
        .collect::<Result<_, _>>()?;
    Ok(Listed {
        rows,
        more: listed.more,
    })
}

/// The export of a run that is being worked on.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the run is gone: it was erased with its export.
pub async fn export_of(conn: &mut AsyncPgConnection, id: RunId) -> Result<ExportId, StoreError> {
    let export: Option<Uuid> = export_runs::table
        .find(id.uuid())
        .select(export_runs::export_id)
        .first(conn)
        .await
        .optional()?;
    export.map(ExportId::from).ok_or(StoreError::LeaseLost)
}

/// Writes how far a run is, and its files once all are whole. To be called in a transaction guarded by its lease.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn report(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    rows: u64,
    bytes: u64,
    files: &[RunFile],
) -> Result<(), StoreError> {
    lease.hold(conn).await?;
    diesel::update(export_runs::table.find(lease.job_id.uuid()))
        .set((
            export_runs::rows.eq(i64::try_from(rows).unwrap_or(i64::MAX)),
            export_runs::bytes.eq(i64::try_from(bytes).unwrap_or(i64::MAX)),
            export_runs::files.eq(serde_json::to_value(files)?),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
