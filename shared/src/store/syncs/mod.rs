//! Syncs: what was asked and what came out; their life is in `jobs`.

mod accept;

use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::jobs::{JobColumns, JobRow, known};
use super::schema::{jobs, sync_entities, syncs};
use super::statement::statement;
use super::{Listed, PageAsk, StoreError};
use crate::domain::{
    ConnectionId, DateRange, SyncId, SyncMode, Targets, TenantId, Tolerance, Trigger,
};

pub use accept::{NewSync, accept, accept_unless_active};

/// What was asked.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = syncs)]
pub struct SyncRow {
    /// Identity, the same number as its job's.
    #[diesel(deserialize_as = Uuid)]
    pub id: SyncId,
    /// On which connection.
    #[diesel(deserialize_as = Uuid)]
    pub connection_id: ConnectionId,
    /// What it reads.
    #[diesel(deserialize_as = String)]
    pub mode: SyncMode,
    /// First day, where it is limited to a range.
    pub date_from: Option<chrono::NaiveDate>,
    /// Last day.
    pub date_to: Option<chrono::NaiveDate>,
    /// Instead of the connection's.
    pub max_delete_fraction: Option<f64>,
    /// Instead of the connection's.
    pub max_error_rate: Option<f64>,
    /// What began it.
    #[diesel(deserialize_as = String)]
    pub trigger: Trigger,
    /// The single records it is limited to, as [`Targets`] by entity.
    pub targets: Option<Value>,
}

impl SyncRow {
    /// The days it is limited to.
    #[must_use]
    pub fn date_range(&self) -> Option<DateRange> {
        Some(DateRange {
            from: self.date_from?,
            to: self.date_to?,
        })
    }

    /// The single records it is limited to.
    ///
    /// # Errors
    /// When what is stored are none we know.
    pub fn targets(&self) -> Result<Option<Vec<Targets>>, StoreError> {
        Ok(self
            .targets
            .clone()
            .map(serde_json::from_value)
            .transpose()?)
    }

    /// What may go wrong, as far as this sync was asked with its own limits.
    #[must_use]
    pub fn tolerance(&self) -> Tolerance {
        Tolerance {
            max_delete_fraction: self.max_delete_fraction,
            max_error_rate: self.max_error_rate,
        }
    }
}

/// How far one entity of a sync is, and its counts so far.
#[derive(Debug, Clone, Queryable, QueryableByName, Selectable)]
#[diesel(table_name = sync_entities)]
pub struct SyncEntityRow {
    /// The sync.
    #[diesel(deserialize_as = Uuid)]
    pub sync_id: SyncId,
    /// The entity.
    pub entity: String,
    /// Its place in the order of the sync.
    pub place: i32,
    /// Where to read on; `None` before the first page.
    pub cursor: Option<Value>,
    /// Whether all was read.
    pub complete: bool,
    /// Records read.
    pub fetched: i64,
    /// Of these: new.
    pub created: i64,
    /// Changed.
    pub updated: i64,
    /// As they were.
    pub unchanged: i64,
    /// Gone.
    pub deleted: i64,
    /// Not of these: gone, because a complete walk did not see them any more.
    pub vanished: i64,
    /// Could not be stored; each is a row of `record_errors`.
    pub errors: i64,
}

/// A sync, whole.
#[derive(Debug, Clone)]
pub struct Sync {
    /// What was asked.
    pub asked: SyncRow,
    /// Its life.
    pub job: JobRow,
    /// Its entities, in order.
    pub entities: Vec<SyncEntityRow>,
}

/// A sync, its job and one of its entities.
#[derive(QueryableByName)]
#[diesel(table_name = syncs)]
struct FoundRow {
    mode: String,
    date_from: Option<chrono::NaiveDate>,
    date_to: Option<chrono::NaiveDate>,
    max_delete_fraction: Option<f64>,
    max_error_rate: Option<f64>,
    trigger: String,
    targets: Option<Value>,
    #[diesel(embed)]
    job: JobColumns,
    #[diesel(embed)]
    entity: SyncEntityRow,
}

impl FoundRow {
    /// With this entity, to begin with.
    fn sync(self, connection_id: ConnectionId) -> Result<Sync, StoreError> {
        let Self {
            mode,
            date_from,
            date_to,
            max_delete_fraction,
            max_error_rate,
            trigger,
            targets,
            job,
            entity,
        } = self;
        let id = entity.sync_id;
        Ok(Sync {
            asked: SyncRow {
                id,
                connection_id,
                mode: known(&mode)?,
                date_from,
                date_to,
                max_delete_fraction,
                max_error_rate,
                trigger: known(&trigger)?,
                targets,
            },
            job: job.of(id.into())?,
            entities: vec![entity],
        })
    }
}

/// One sync of a tenant's connection.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    id: SyncId,
) -> Result<Option<Sync>, StoreError> {
    // Asked all the time: diesel would put the text together anew with every call. The sync comes beside each of its
    // entities, of which it has one at least: two statements would cost more.
    let rows: Vec<FoundRow> = statement(
        "SELECT mode, date_from, date_to, max_delete_fraction, max_error_rate, trigger, targets,
                state, attempt, error, jobs.created_at, started_at, finished_at, cancel_requested_at,
                sync_id, entity, place, cursor, complete, fetched, created, updated, unchanged, deleted, vanished, errors
         FROM syncs JOIN jobs USING (id) JOIN sync_entities ON sync_id = syncs.id
         WHERE syncs.tenant_id = $1 AND syncs.connection_id = $2 AND syncs.id = $3
         ORDER BY place",
    )
    .bind::<sql_types::Uuid, _>(tenant.uuid())
    .bind::<sql_types::Uuid, _>(connection.uuid())
    .bind::<sql_types::Uuid, _>(id.uuid())
    .load(conn)
    .await?;
    let mut found: Option<Sync> = None;
    for row in rows {
        match &mut found {
            Some(sync) => sync.entities.push(row.entity),
            None => found = Some(row.sync(connection)?),
        }
    }
    Ok(found)
}

/// What was asked of a sync that is being worked on.
///
/// # Errors
/// When the database refuses or there is no such sync.
pub async fn asked(conn: &mut AsyncPgConnection, id: SyncId) -> Result<SyncRow, StoreError> {
    Ok(syncs::table
        .find(id.uuid())
        .select(SyncRow::as_select())
        .first(conn)
        .await?)
}

/// The entities of a sync, in order.
///
/// # Errors
/// When the database refuses.
pub async fn entities_of(
    conn: &mut AsyncPgConnection,
    id: SyncId,
) -> Result<Vec<SyncEntityRow>, StoreError> {
    Ok(sync_entities::table
        .filter(sync_entities::sync_id.eq(id.uuid()))
        .order(sync_entities::place)
        .select(SyncEntityRow::as_select())
        .load(conn)
        .await?)
}

/// The syncs of a connection, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    ask: PageAsk,
) -> Result<Listed<Sync>, StoreError> {
    let mut query = syncs::table
        .inner_join(jobs::table)
        .filter(
            syncs::tenant_id
                .eq(tenant.uuid())
                .and(syncs::connection_id.eq(connection.uuid())),
        )
        .order(syncs::id.desc())
        .limit(ask.probe())
        .select((SyncRow::as_select(), JobRow::as_select()))
        .into_boxed();
    if let Some(after) = ask.after {
        query = query.filter(syncs::id.lt(after));
    }
    let listed = Listed::of(query.load::<(SyncRow, JobRow)>(conn).await?, ask.limit);
    let ids: Vec<Uuid> = listed.rows.iter().map(|(sync, _)| sync.id.uuid()).collect();
    let mut entities: Vec<SyncEntityRow> = sync_entities::table
        .filter(sync_entities::sync_id.eq_any(ids))
        .order(sync_entities::place)
        .select(SyncEntityRow::as_select())
        .load(conn)
        .await?;
    let rows = listed
        .rows
        .into_iter()
        .map(|(asked, job)| {
            let (of_this, others) = entities.drain(..).partition(|row| row.sync_id == asked.id);
            entities = others;
            Sync {
                asked,
                job,
                entities: of_this,
            }
        })
        .collect();
    Ok(Listed {
        rows,
        more: listed.more,
    })
}
