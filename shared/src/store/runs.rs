//! Runs of exports: what came out; their life is in `jobs`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{self, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::audit::Actor;
use super::jobs::{JobColumns, JobRow};
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
    /// Where its files go, as it was given; `None` before it began.
    pub destination: Option<Value>,
    /// About how many records it will write.
    pub expected_rows: Option<i64>,
    /// As of when its records are.
    pub viewed_at: Option<DateTime<Utc>>,
    /// The files, once all are whole: a list of [`RunFile`].
    pub files: Value,
    /// What is written beside them, the same way: the schemas of XML files and the manifest.
    pub beside: Value,
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
    /// What it wrote beside them.
    pub beside: Vec<RunFile>,
}

/// The name of the manifest among what is [beside](Run::beside) the files.
pub const MANIFEST: &str = "manifest";

impl Run {
    fn of((row, job): (RunRow, JobRow)) -> Result<Self, StoreError> {
        let files = serde_json::from_value(row.files.clone())?;
        let beside = serde_json::from_value(row.beside.clone())?;
        Ok(Self {
            row,
            job,
            files,
            beside,
        })
    }

    /// As it is when it was accepted.
    fn fresh(id: RunId, export_id: ExportId, created_at: DateTime<Utc>) -> Self {
        Self {
            row: RunRow {
                id,
                export_id,
                rows: 0,
                bytes: 0,
                destination: None,
                expected_rows: None,
                viewed_at: None,
                files: Value::Array(Vec::new()),
                beside: Value::Array(Vec::new()),
            },
            job: JobRow::fresh(id.into(), created_at),
            files: Vec::new(),
            beside: Vec::new(),
        }
    }
}

/// A run and its job, which have the same id.
#[derive(QueryableByName)]
#[diesel(table_name = export_runs)]
struct FoundRow {
    rows: i64,
    bytes: i64,
    destination: Option<Value>,
    expected_rows: Option<i64>,
    viewed_at: Option<DateTime<Utc>>,
    files: Value,
    beside: Value,
    #[diesel(embed)]
    job: JobColumns,
}

impl FoundRow {
    fn run(self, id: RunId, export_id: ExportId) -> Result<Run, StoreError> {
        let Self {
            rows,
            bytes,
            destination,
            expected_rows,
            viewed_at,
            files,
            beside,
            job,
        } = self;
        let row = RunRow {
            id,
            export_id,
            rows,
            bytes,
            destination,
            expected_rows,
            viewed_at,
            files,
            beside,
        };
        Run::of((row, job.of(id.into())?))
    }
}

#[derive(QueryableByName)]
struct AcceptedRow {
    #[diesel(sql_type = sql_types::Timestamptz)]
    created_at: DateTime<Utc>,
}

/// Accepts a run, asked for by somebody or due by itself: job, run and, where somebody asked, the line of the audit log,
/// all with one statement, because every round trip costs more than what it asks for. `None` when the tenant has no such
/// export.
///
/// # Errors
/// When the database refuses.
pub async fn accept(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    export: ExportId,
    at: DateTime<Utc>,
    asked_by: Option<&Actor>,
) -> Result<Option<Run>, StoreError> {
    let id = RunId::new();
    let accepted = statement(
        "WITH wanted AS (
             SELECT $1 AS run_id, id, tenant_id FROM exports WHERE tenant_id = $2 AND id = $3
         ), job AS (
             INSERT INTO jobs (id, tenant_id, kind, created_at) SELECT run_id, tenant_id, $4, $5 FROM wanted RETURNING created_at
         ), run AS (
             INSERT INTO export_runs (id, tenant_id, export_id) SELECT run_id, tenant_id, id FROM wanted
         ), noted AS (
             INSERT INTO audit_log (tenant_id, key_id, action, subject, request_id)
             SELECT tenant_id, $6, 'export.run', $7, $8 FROM wanted WHERE $6 IS NOT NULL
         )
         SELECT created_at FROM job",
    )
    .bind::<sql_types::Uuid, _>(id.uuid())
    .bind::<sql_types::Uuid, _>(tenant.uuid())
    .bind::<sql_types::Uuid, _>(export.uuid())
    .bind::<sql_types::Text, _>(JobKind::Export.as_str())
    .bind::<sql_types::Timestamptz, _>(at)
    .bind::<Nullable<sql_types::Uuid>, _>(asked_by.map(|actor| actor.grant.key_id.uuid()))
    .bind::<sql_types::Text, _>(id.to_string())
    .bind::<Nullable<sql_types::Text>, _>(asked_by.map(|actor| actor.request_id.as_str()))
    .get_result::<AcceptedRow>(conn)
    .await
    .optional();
    match accepted.map_err(StoreError::from) {
        Ok(row) => Ok(row.map(|row| Run::fresh(id, export, row.created_at))),
        // The export was erased meanwhile.
        Err(StoreError::Refused(_)) => Ok(None),
        Err(other) => Err(other),
    }
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
    // Asked all the time: diesel would put the text together anew with every call.
    let found: Option<FoundRow> = statement(
        "SELECT rows, bytes, destination, expected_rows, viewed_at, files, beside, state, attempt, error, created_at, started_at, finished_at, cancel_requested_at
         FROM export_runs JOIN jobs USING (id)
         WHERE export_runs.tenant_id = $1 AND export_id = $2 AND export_runs.id = $3",
    )
    .bind::<sql_types::Uuid, _>(tenant.uuid())
    .bind::<sql_types::Uuid, _>(export.uuid())
    .bind::<sql_types::Uuid, _>(id.uuid())
    .get_result(conn)
    .await
    .optional()?;
    found.map(|found| found.run(id, export)).transpose()
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
    let listed = Listed::of(query.load::<(RunRow, JobRow)>(conn).await?, ask.limit);
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

/// What was accepted as a run.
#[derive(Debug, Clone, Copy)]
pub struct AcceptedRun {
    /// Of which export.
    pub export_id: ExportId,
    /// When it was asked for, or due.
    pub created_at: DateTime<Utc>,
}

/// A run that is being worked on.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the run is gone: it was erased with its export.
pub async fn accepted(conn: &mut AsyncPgConnection, id: RunId) -> Result<AcceptedRun, StoreError> {
    let found: Option<(Uuid, DateTime<Utc>)> = export_runs::table
        .inner_join(jobs::table)
        .filter(export_runs::id.eq(id.uuid()))
        .select((export_runs::export_id, jobs::created_at))
        .first(conn)
        .await
        .optional()?;
    let (export_id, created_at) = found.ok_or(StoreError::LeaseLost)?;
    Ok(AcceptedRun {
        export_id: export_id.into(),
        created_at,
    })
}

/// Where the next incremental run of an export begins: of each entity, the number of the last change that the newest
/// completed run saw. Empty before the first.
///
/// # Errors
/// When the database refuses.
pub async fn marks(
    conn: &mut AsyncPgConnection,
    export: ExportId,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let marks: Option<Value> = export_runs::table
        .inner_join(jobs::table)
        .filter(
            export_runs::export_id
                .eq(export.uuid())
                .and(jobs::state.eq(JobState::Completed.as_str())),
        )
        .order(export_runs::id.desc())
        .select(export_runs::marks)
        .first(conn)
        .await
        .optional()?;
    Ok(match marks {
        Some(marks) => serde_json::from_value(marks)?,
        None => BTreeMap::new(),
    })
}

/// What is known of a run once it looked at what it will read.
#[derive(Debug)]
pub struct Begun<'a> {
    /// Where its files go, as it was given.
    pub destination: &'a Value,
    /// As of when it reads.
    pub viewed_at: DateTime<Utc>,
    /// About how many records it will write.
    pub expected_rows: u64,
    /// How far it reads the changes of each entity.
    pub marks: &'a BTreeMap<String, i64>,
}

/// Writes how a run begins. To be called in a transaction.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn begin(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    begun: &Begun<'_>,
) -> Result<(), StoreError> {
    lease.hold(conn).await?;
    diesel::update(export_runs::table.find(lease.job_id.uuid()))
        .set((
            export_runs::rows.eq(0),
            export_runs::bytes.eq(0),
            export_runs::destination.eq(begun.destination),
            export_runs::viewed_at.eq(begun.viewed_at),
            export_runs::expected_rows.eq(number(begun.expected_rows)),
            export_runs::marks.eq(serde_json::to_value(begun.marks)?),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes how far a run is. To be called in a transaction.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn report(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    rows: u64,
    bytes: u64,
) -> Result<(), StoreError> {
    lease.hold(conn).await?;
    diesel::update(export_runs::table.find(lease.job_id.uuid()))
        .set((
            export_runs::rows.eq(number(rows)),
            export_runs::bytes.eq(number(bytes)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes what a run left behind, once all of it is whole. To be called in a transaction.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn finish(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    files: &[RunFile],
    beside: &[RunFile],
) -> Result<(), StoreError> {
    let rows = files.iter().map(|file| file.rows).sum();
    let bytes = files.iter().map(|file| file.bytes).sum();
    report(conn, lease, rows, bytes).await?;
    diesel::update(export_runs::table.find(lease.job_id.uuid()))
        .set((
            export_runs::files.eq(serde_json::to_value(files)?),
            export_runs::beside.eq(serde_json::to_value(beside)?),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
