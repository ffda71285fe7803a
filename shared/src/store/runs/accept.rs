//! Accepting a run.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{self, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::Run;
use crate::domain::{ExportId, JobKind, RunId, TenantId};
use crate::store::StoreError;
use crate::store::audit::Actor;
use crate::store::statement::statement;

#[derive(QueryableByName)]
struct AcceptedRow {
    #[diesel(sql_type = sql_types::Timestamptz)]
    created_at: DateTime<Utc>,
}

/// Why a run is accepted.
#[derive(Debug, Clone, Copy)]
pub enum Cause<'a> {
    /// Somebody asked for it.
    Asked(&'a Actor),
    /// It was due then.
    Due(DateTime<Utc>),
}

impl<'a> Cause<'a> {
    fn actor(self) -> Option<&'a Actor> {
        match self {
            Self::Asked(actor) => Some(actor),
            Self::Due(_) => None,
        }
    }

    fn due_at(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Asked(_) => None,
            Self::Due(at) => Some(at),
        }
    }
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
    cause: Cause<'_>,
) -> Result<Option<Run>, StoreError> {
    let id = RunId::new();
    let (asked_by, due_at) = (cause.actor(), cause.due_at());
    let accepted = statement(
        "WITH wanted AS (
             SELECT $1 AS run_id, id, tenant_id FROM exports WHERE tenant_id = $2 AND id = $3
         ), job AS (
             INSERT INTO jobs (id, tenant_id, kind, created_at) SELECT run_id, tenant_id, $4, $5 FROM wanted RETURNING created_at
         ), run AS (
             INSERT INTO export_runs (id, tenant_id, export_id, due_at) SELECT run_id, tenant_id, id, $9 FROM wanted
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
    .bind::<Nullable<sql_types::Timestamptz>, _>(due_at)
    .get_result::<AcceptedRow>(conn)
    .await
    .optional();
    match accepted.map_err(StoreError::from) {
        Ok(row) => Ok(row.map(|row| Run::fresh(id, export, row.created_at, due_at))),
        // The export was erased meanwhile.
        Err(StoreError::Refused(_)) => Ok(None),
        Err(other) => Err(other),
    }
}
