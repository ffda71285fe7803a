//! Configured exports.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::schema::exports;
use super::statement::statement;
use super::{JsonText, Listed, PageAsk, StoreError};
use crate::domain::{
    ExportFormat, ExportId, Faults, Filter, RunId, Schedule, SnapshotId, TenantId,
};

/// A row.
#[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize)]
#[diesel(table_name = exports)]
pub struct ExportRow {
    /// Identity.
    #[diesel(deserialize_as = Uuid)]
    pub id: ExportId,
    /// Whose it is.
    #[diesel(deserialize_as = Uuid)]
    pub tenant_id: TenantId,
    /// What its owner calls it.
    pub name: String,
    /// What it writes.
    #[diesel(deserialize_as = String)]
    pub format: ExportFormat,
    /// What it reads.
    pub entities: Vec<String>,
    /// Which records, in the filter language; as it was given.
    pub filter: Option<JsonText>,
    /// Options of the format.
    pub options: Value,
    /// When it runs by itself; as it was given.
    pub schedule: Option<Value>,
    /// Where its files go; as it was given.
    pub destination: Value,
    /// Of which snapshot its records are, in place of the current ones.
    pub snapshot_id: Option<Uuid>,
    /// Whether a run writes only what changed since the last one that completed.
    pub incremental: bool,
    /// Since when it does not run by itself.
    pub paused_at: Option<DateTime<Utc>>,
    /// When it runs by itself next.
    pub next_run_at: Option<DateTime<Utc>>,
    /// When a run last completed.
    pub last_run_at: Option<DateTime<Utc>>,
    /// Raised by every change.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl ExportRow {
    /// Which records it takes; all when `None`.
    ///
    /// # Errors
    /// When this version cannot read what is stored.
    pub fn read_filter(&self) -> Result<Option<Filter>, Faults> {
        let given = self.filter.as_ref();
        let read = |given: &JsonText| Filter::parse(&given.to_string(), "/filter");
        given.map(read).transpose()
    }

    /// When it runs by itself, paused or not.
    #[must_use]
    pub fn read_schedule(&self) -> Option<Schedule> {
        let given = self.schedule.as_ref()?;
        Schedule::parse(given, "/schedule").ok()
    }
}

/// What creation writes.
#[derive(Debug)]
pub struct NewExport<'a> {
    /// Whose.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: &'a str,
    /// What it writes.
    pub format: ExportFormat,
    /// What it reads.
    pub entities: &'a [String],
    /// Which records.
    pub filter: Option<&'a JsonText>,
    /// Options of the format.
    pub options: &'a Value,
    /// When it runs by itself.
    pub schedule: Option<&'a Value>,
    /// Where its files go.
    pub destination: &'a Value,
    /// Of which snapshot its records are.
    pub snapshot_id: Option<SnapshotId>,
    /// Whether a run writes only what changed since the last one that completed.
    pub incremental: bool,
    /// When it first runs by itself.
    pub next_run_at: Option<DateTime<Utc>>,
    /// When it is created.
    pub created_at: DateTime<Utc>,
}

/// Writes a new export.
///
/// # Errors
/// When the database refuses.
pub async fn create(
    conn: &mut AsyncPgConnection,
    new: &NewExport<'_>,
) -> Result<ExportRow, StoreError> {
    Ok(diesel::insert_into(exports::table)
        .values((
            exports::id.eq(ExportId::new().uuid()),
            exports::tenant_id.eq(new.tenant_id.uuid()),
            exports::name.eq(new.name),
            exports::format.eq(new.format.as_str()),
            exports::entities.eq(new.entities),
            exports::filter.eq(new.filter),
            exports::options.eq(new.options),
            exports::schedule.eq(new.schedule),
            exports::destination.eq(new.destination),
            exports::snapshot_id.eq(new.snapshot_id.map(SnapshotId::uuid)),
            exports::incremental.eq(new.incremental),
            exports::next_run_at.eq(new.next_run_at),
            exports::created_at.eq(new.created_at),
            exports::updated_at.eq(new.created_at),
        ))
        .returning(ExportRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Writes an export anew, as long as it has this version; what it was created as stays as it is.
///
/// # Errors
/// [`StoreError::Stale`] when it was changed meanwhile; when the database refuses.
pub async fn change(
    conn: &mut AsyncPgConnection,
    id: ExportId,
    version: i64,
    new: &NewExport<'_>,
) -> Result<ExportRow, StoreError> {
    diesel::update(exports::table)
        .filter(
            exports::tenant_id
                .eq(new.tenant_id.uuid())
                .and(exports::id.eq(id.uuid()))
                .and(exports::version.eq(version)),
        )
        .set((
            exports::name.eq(new.name),
            exports::format.eq(new.format.as_str()),
            exports::entities.eq(new.entities),
            exports::filter.eq(new.filter),
            exports::options.eq(new.options),
            exports::schedule.eq(new.schedule),
            exports::destination.eq(new.destination),
            exports::snapshot_id.eq(new.snapshot_id.map(SnapshotId::uuid)),
            exports::incremental.eq(new.incremental),
            exports::next_run_at.eq(new.next_run_at),
            exports::version.eq(version + 1),
            exports::updated_at.eq(new.created_at),
        ))
        .returning(ExportRow::as_returning())
        .get_result(conn)
        .await
        .optional()?
        .ok_or(StoreError::Stale)
}

/// Holds an export back from running by itself, since an instant, or lets it run again; says when it does next.
///
/// # Errors
/// When the database refuses.
pub async fn set_pause(
    conn: &mut AsyncPgConnection,
    id: ExportId,
    paused_at: Option<DateTime<Utc>>,
    next_run_at: Option<DateTime<Utc>>,
) -> Result<ExportRow, StoreError> {
    Ok(diesel::update(exports::table.find(id.uuid()))
        .set((
            exports::paused_at.eq(paused_at),
            exports::next_run_at.eq(next_run_at),
            exports::version.eq(exports::version + 1),
            exports::updated_at.eq(diesel::dsl::now),
        ))
        .returning(ExportRow::as_returning())
        .get_result(conn)
        .await?)
}

/// One export of a tenant, held until the transaction ends.
///
/// # Errors
/// When the database refuses.
pub async fn hold(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ExportId,
) -> Result<Option<ExportRow>, StoreError> {
    Ok(exports::table
        .filter(
            exports::tenant_id
                .eq(tenant.uuid())
                .and(exports::id.eq(id.uuid())),
        )
        .for_no_key_update()
        .select(ExportRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// One export of a tenant.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ExportId,
) -> Result<Option<ExportRow>, StoreError> {
    Ok(exports::table
        .filter(
            exports::tenant_id
                .eq(tenant.uuid())
                .and(exports::id.eq(id.uuid())),
        )
        .select(ExportRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// A tenant's exports, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    ask: PageAsk,
) -> Result<Listed<ExportRow>, StoreError> {
    let mut query = exports::table
        .filter(exports::tenant_id.eq(tenant.uuid()))
        .order(exports::id.desc())
        .limit(ask.probe())
        .select(ExportRow::as_select())
        .into_boxed();
    if let Some(after) = ask.after {
        query = query.filter(exports::id.lt(after));
    }
    Ok(Listed::of(query.load(conn).await?, ask.limit))
}

/// Erases an export with its runs (not the files they wrote); returns whether there was one.
///
/// # Errors
/// When the database refuses.
pub async fn erase(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ExportId,
) -> Result<bool, StoreError> {
    // Held first, in the order in which a worker settles, and so that no run is accepted meanwhile.
    exports::table
        .filter(
            exports::tenant_id
                .eq(tenant.uuid())
                .and(exports::id.eq(id.uuid())),
        )
        .for_update()
        .select(exports::id)
        .load::<Uuid>(conn)
        .await?;
    diesel::sql_query(
        "DELETE FROM jobs j USING export_runs r WHERE r.id = j.id AND r.export_id = $1 AND r.tenant_id = $2",
    )
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .execute(conn)
    .await?;
    let erased = diesel::delete(exports::table)
        .filter(
            exports::tenant_id
                .eq(tenant.uuid())
                .and(exports::id.eq(id.uuid())),
        )
        .execute(conn)
        .await?;
    Ok(erased == 1)
}

/// Exports whose next scheduled run is due, each locked until the transaction ends and skipped by others.
///
/// # Errors
/// When the database refuses.
pub async fn lock_due(
    conn: &mut AsyncPgConnection,
    at_most: i64,
) -> Result<Vec<ExportRow>, StoreError> {
    Ok(exports::table
        .filter(exports::next_run_at.le(diesel::dsl::now))
        .order(exports::next_run_at)
        .limit(at_most)
        .for_no_key_update()
        .skip_locked()
        .select(ExportRow::as_select())
        .load(conn)
        .await?)
}

/// Sets when an export runs by itself next.
///
/// # Errors
/// When the database refuses.
pub async fn set_next_run(
    conn: &mut AsyncPgConnection,
    id: ExportId,
    at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    diesel::update(exports::table.find(id.uuid()))
        .set(exports::next_run_at.eq(at))
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets a run write the files of an export whose runs overwrite each other's, unless another run of it is at work; returns
/// whether it may.
///
/// # Errors
/// When the database refuses.
pub async fn may_write(
    conn: &mut AsyncPgConnection,
    id: ExportId,
    run: RunId,
) -> Result<bool, StoreError> {
    let written = statement(
        "UPDATE exports SET writing_run = $2
         WHERE id = $1 AND (writing_run IS NULL OR writing_run = $2
                            OR NOT EXISTS (SELECT FROM jobs WHERE jobs.id = writing_run AND state = 'RUNNING'))",
    )
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(run.uuid())
    .execute(conn)
    .await?;
    Ok(written == 1)
}

/// Holds the exports of these runs until the transaction ends, in one order (see [`super::connections::lock`]).
///
/// # Errors
/// When the database refuses.
pub async fn lock_of_runs(conn: &mut AsyncPgConnection, runs: &[RunId]) -> Result<(), StoreError> {
    on_runs(
        conn,
        runs,
        "SELECT FROM exports WHERE id IN (SELECT export_id FROM export_runs WHERE id = ANY($1))
         ORDER BY id FOR NO KEY UPDATE",
    )
    .await
}

/// Notes that these runs completed now.
///
/// # Errors
/// When the database refuses.
pub async fn note_runs(conn: &mut AsyncPgConnection, runs: &[RunId]) -> Result<(), StoreError> {
    on_runs(
        conn,
        runs,
        "UPDATE exports SET last_run_at = now()
         WHERE id IN (SELECT export_id FROM export_runs WHERE id = ANY($1))",
    )
    .await
}

async fn on_runs(
    conn: &mut AsyncPgConnection,
    runs: &[RunId],
    sql: &'static str,
) -> Result<(), StoreError> {
    if runs.is_empty() {
        return Ok(());
    }
    statement(sql)
        .bind::<diesel::sql_types::Array<diesel::sql_types::Uuid>, _>(
            runs.iter().map(|id| id.uuid()).collect::<Vec<_>>(),
        )
        .execute(conn)
        .await?;
    Ok(())
}
