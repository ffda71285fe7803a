//! Syncs: what was asked and what came out; their life is in `jobs`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::jobs::{self as job_verbs, JobRow, NewJob};
use super::schema::{jobs, sync_entities, syncs};
use super::{Listed, PageAsk, StoreError};
use crate::domain::{
    ConnectionId, DateRange, JobKind, SyncId, SyncMode, TenantId, Tolerance, Trigger,
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
#[derive(Debug, Clone, Queryable, Selectable)]
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
    /// The entities, in order.
    pub entities: &'a [String],
    /// What begins it.
    pub trigger: Trigger,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
}

/// Accepts a sync: the job, the sync and its entities. To be called in a transaction.
///
/// # Errors
/// [`StoreError::Refused`] by [`ONE_ACTIVE_SYNC`](job_verbs::ONE_ACTIVE_SYNC) when the connection has an active one.
pub async fn accept(conn: &mut AsyncPgConnection, new: &NewSync<'_>) -> Result<SyncId, StoreError> {
    let id = SyncId::new();
    job_verbs::accept(
        conn,
        NewJob {
            id: id.into(),
            tenant_id: new.tenant_id,
            connection_id: Some(new.connection_id),
            kind: JobKind::Sync,
            created_at: new.created_at,
        },
    )
    .await?;
    diesel::insert_into(syncs::table)
        .values((
            syncs::id.eq(id.uuid()),
            syncs::tenant_id.eq(new.tenant_id.uuid()),
            syncs::connection_id.eq(new.connection_id.uuid()),
            syncs::mode.eq(new.mode.as_str()),
            syncs::date_from.eq(new.date_range.map(|range| range.from)),
            syncs::date_to.eq(new.date_range.map(|range| range.to)),
            syncs::max_delete_fraction.eq(new.tolerance.max_delete_fraction),
            syncs::max_error_rate.eq(new.tolerance.max_error_rate),
            syncs::trigger.eq(new.trigger.as_str()),
        ))
        .execute(conn)
        .await?;
    let entities: Vec<_> = (0..)
        .zip(new.entities)
        .map(|(place, entity)| {
            (
                sync_entities::sync_id.eq(id.uuid()),
                sync_entities::entity.eq(entity),
                sync_entities::place.eq(place),
            )
        })
        .collect();
    diesel::insert_into(sync_entities::table)
        .values(entities)
        .execute(conn)
        .await?;
    Ok(id)
}

/// Accepts a sync unless the connection has an active one; the caller's transaction goes on either way.
///
/// # Errors
/// When the database refuses for another reason.
pub async fn accept_unless_active(
    conn: &mut AsyncPgConnection,
    new: &NewSync<'_>,
) -> Result<Option<SyncId>, StoreError> {
    match conn.transaction(async |conn| accept(conn, new).await).await {
        Ok(id) => Ok(Some(id)),
        Err(error) if error.is_refusal_of(job_verbs::ONE_ACTIVE_SYNC) => Ok(None),
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
    let row: Option<(SyncRow, JobRow)> = syncs::table
        .inner_join(jobs::table)
        .filter(
            syncs::tenant_id
                .eq(tenant.uuid())
                .and(syncs::connection_id.eq(connection.uuid()))
                .and(syncs::id.eq(id.uuid())),
        )
        .select((SyncRow::as_select(), JobRow::as_select()))
        .first(conn)
        .await
        .optional()?;
    let Some((asked, job)) = row else {
        return Ok(None);
    };
    let entities = entities_of(conn, id).await?;
    Ok(Some(Sync {
        asked,
        job,
        entities,
    }))
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
    let listed = Listed::of(query.load::<(SyncRow, JobRow)>(conn).await?, ask);
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
