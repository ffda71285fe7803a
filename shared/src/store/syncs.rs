//! Syncs: what was asked and what came out; their life is in `jobs`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{self, Nullable};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::audit::Actor;
use super::jobs::{JobColumns, JobRow, ONE_ACTIVE_SYNC, known};
use super::schema::{jobs, sync_entities, syncs};
use super::statement::statement;
use super::{Listed, PageAsk, StoreError};
use crate::domain::{
    ConnectionId, DateRange, JobKind, SyncId, SyncMode, Targets, TenantId, Tolerance, Trigger,
};

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

impl Sync {
    /// As it is when it was accepted.
    fn fresh(
        id: SyncId,
        new: &NewSync<'_>,
        targets: Option<Value>,
        created_at: DateTime<Utc>,
    ) -> Self {
        let entities = (0..)
            .zip(new.entities)
            .map(|(place, entity)| SyncEntityRow {
                sync_id: id,
                entity: entity.clone(),
                place,
                cursor: None,
                complete: false,
                fetched: 0,
                created: 0,
                updated: 0,
                unchanged: 0,
                deleted: 0,
                vanished: 0,
                errors: 0,
            });
        Self {
            asked: SyncRow {
                id,
                connection_id: new.connection_id,
                mode: new.mode,
                date_from: new.date_range.map(|range| range.from),
                date_to: new.date_range.map(|range| range.to),
                max_delete_fraction: new.tolerance.max_delete_fraction,
                max_error_rate: new.tolerance.max_error_rate,
                trigger: new.trigger,
                targets,
            },
            job: JobRow::fresh(id.into(), created_at),
            entities: entities.collect(),
        }
    }
}

/// What acceptance writes.
#[derive(Debug)]
pub struct NewSync<'a> {
    /// Whose.
    pub tenant_id: TenantId,
    /// On which connection.
    pub connection_id: ConnectionId,
    /// What it reads.
    pub mode: SyncMode,
    /// The days it is limited to.
    pub date_range: Option<DateRange>,
    /// What may go wrong, where it differs from what the connection says.
    pub tolerance: Tolerance,
    /// The single records it is limited to, by entity.
    pub targets: Option<&'a [Targets]>,
    /// The entities, in order.
    pub entities: &'a [String],
    /// What begins it.
    pub trigger: Trigger,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
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

#[derive(QueryableByName)]
struct AcceptedRow {
    #[diesel(sql_type = sql_types::Timestamptz)]
    created_at: DateTime<Utc>,
}

/// Accepts a sync, asked for by somebody or due by itself: job, sync, entities and, where somebody asked, the line of the
/// audit log, all with one statement, because every round trip costs more than what it asks for.
///
/// # Errors
/// [`StoreError::Refused`] by [`ONE_ACTIVE_SYNC`] when the connection has an active one, by another constraint when it was
/// erased meanwhile.
pub async fn accept(
    conn: &mut AsyncPgConnection,
    new: &NewSync<'_>,
    asked_by: Option<&Actor>,
) -> Result<Sync, StoreError> {
    let id = SyncId::new();
    let targets = new.targets.map(serde_json::to_value).transpose()?;
    let accepted: AcceptedRow = statement(
        "WITH job AS (
             INSERT INTO jobs (id, tenant_id, connection_id, kind, created_at) VALUES ($1, $2, $3, $4, $5)
             RETURNING created_at
         ), sync AS (
             INSERT INTO syncs (id, tenant_id, connection_id, mode, date_from, date_to, max_delete_fraction, max_error_rate, trigger,
                                targets)
             VALUES ($1, $2, $3, $6, $7, $8, $13, $14, $15, $16)
         ), entities AS (
             INSERT INTO sync_entities (sync_id, entity, place)
             SELECT $1, entity, place - 1 FROM unnest($9) WITH ORDINALITY AS wanted (entity, place)
         ), noted AS (
             INSERT INTO audit_log (tenant_id, key_id, action, subject, request_id)
             SELECT $2, $10, 'sync.start', $11, $12 WHERE $10 IS NOT NULL
         )
         SELECT created_at FROM job",
    )
    .bind::<sql_types::Uuid, _>(id.uuid())
    .bind::<sql_types::Uuid, _>(new.tenant_id.uuid())
    .bind::<sql_types::Uuid, _>(new.connection_id.uuid())
    .bind::<sql_types::Text, _>(JobKind::Sync.as_str())
    .bind::<sql_types::Timestamptz, _>(new.created_at)
    .bind::<sql_types::Text, _>(new.mode.as_str())
    .bind::<Nullable<sql_types::Date>, _>(new.date_range.map(|range| range.from))
    .bind::<Nullable<sql_types::Date>, _>(new.date_range.map(|range| range.to))
    .bind::<sql_types::Array<sql_types::Text>, _>(new.entities)
    .bind::<Nullable<sql_types::Uuid>, _>(asked_by.map(|actor| actor.grant.key_id.uuid()))
    .bind::<sql_types::Text, _>(id.to_string())
    .bind::<Nullable<sql_types::Text>, _>(asked_by.map(|actor| actor.request_id.as_str()))
    .bind::<Nullable<sql_types::Double>, _>(new.tolerance.max_delete_fraction)
    .bind::<Nullable<sql_types::Double>, _>(new.tolerance.max_error_rate)
    .bind::<sql_types::Text, _>(new.trigger.as_str())
    .bind::<Nullable<sql_types::Jsonb>, _>(targets.clone())
    .get_result(conn)
    .await?;
    Ok(Sync::fresh(id, new, targets, accepted.created_at))
}

/// Accepts a sync that is due by itself unless the connection has an active one; the caller's transaction goes on either
/// way.
///
/// # Errors
/// When the database refuses for another reason.
pub async fn accept_unless_active(
    conn: &mut AsyncPgConnection,
    new: &NewSync<'_>,
) -> Result<Option<SyncId>, StoreError> {
    let accepted = conn
        .transaction(async |conn| accept(conn, new, None).await)
        .await;
    match accepted {
        Ok(sync) => Ok(Some(sync.asked.id)),
        Err(error) if error.is_refusal_of(ONE_ACTIVE_SYNC) => Ok(None),
        Err(error) => Err(error),
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
