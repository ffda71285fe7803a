//! Runs of exports: what came out; their life is in `jobs`.

mod accept;
mod progress;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use accept::{Cause, accept};
pub use progress::{AcceptedRun, Begun, accepted, begin, finish, marks, replace, report};

use super::jobs::{JobColumns, JobRow};
use super::schema::{export_runs, jobs};
use super::statement::statement;
use super::{Listed, PageAsk, StoreError};
use crate::domain::{ExportId, RunId, TenantId};

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
    /// The due time that it stands for; `None` where somebody asked for it.
    pub due_at: Option<DateTime<Utc>>,
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
    fn fresh(
        id: RunId,
        export_id: ExportId,
        created_at: DateTime<Utc>,
        due_at: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            row: RunRow {
                id,
                export_id,
                rows: 0,
                bytes: 0,
                destination: None,
                expected_rows: None,
                viewed_at: None,
                due_at,
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
    due_at: Option<DateTime<Utc>>,
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
            due_at,
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
            due_at,
            files,
            beside,
        };
        Run::of((row, job.of(id.into())?))
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
        "SELECT rows, bytes, destination, expected_rows, viewed_at, export_runs.due_at, files, beside, state, attempt, error, created_at, started_at, finished_at, cancel_requested_at
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

/// Whether another run of an export wrote a file at the same place after this one was over, or began to: one that failed or was
/// cancelled on the way may have got as far as this file.
///
/// # Errors
/// When the database refuses.
pub async fn is_replaced(
    conn: &mut AsyncPgConnection,
    export: ExportId,
    id: RunId,
    location: &str,
) -> Result<bool, StoreError> {
    let later = statement(
        "SELECT FROM export_runs AS later JOIN jobs ON jobs.id = later.id
         CROSS JOIN (SELECT finished_at FROM jobs WHERE id = $2) AS this
         WHERE later.export_id = $1 AND later.id <> $2
           AND (later.viewed_at > this.finished_at AND later.replacing ? $3
                OR state = 'COMPLETED' AND jobs.finished_at > this.finished_at
                   AND (files @> jsonb_build_array(jsonb_build_object('location', $3))
                        OR beside @> jsonb_build_array(jsonb_build_object('location', $3))))
         LIMIT 1",
    )
    .bind::<sql_types::Uuid, _>(export.uuid())
    .bind::<sql_types::Uuid, _>(id.uuid())
    .bind::<sql_types::Text, _>(location)
    .execute(conn)
    .await?;
    Ok(later == 1)
}
