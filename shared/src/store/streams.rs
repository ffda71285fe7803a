//! Streams: an entity of a connection, its checkpoint, the hook for its records.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::StoreError;
use super::schema::streams;
use crate::domain::{ConnectionId, SyncId, TenantId};

/// A stream.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = streams)]
pub struct StreamRow {
    /// The number its records carry.
    pub id: i64,
    /// The entity.
    pub entity: String,
    /// How far it has been read, in the engine's words.
    pub checkpoint: Option<Value>,
    /// The sync that last read it to the end.
    pub last_sync_id: Option<Uuid>,
    /// When that was.
    pub last_read_at: Option<DateTime<Utc>>,
}

/// The stream of this entity, made if it is not there.
///
/// # Errors
/// When the database refuses.
pub async fn ensure(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    entity: &str,
) -> Result<StreamRow, StoreError> {
    let of_this = || {
        streams::tenant_id
            .eq(tenant.uuid())
            .and(streams::connection_id.eq(connection.uuid()))
            .and(streams::entity.eq(entity.to_owned()))
    };
    let found = streams::table
        .filter(of_this())
        .select(StreamRow::as_select())
        .first(conn)
        .await
        .optional()?;
    if let Some(row) = found {
        return Ok(row);
    }
    diesel::insert_into(streams::table)
        .values((
            streams::tenant_id.eq(tenant.uuid()),
            streams::connection_id.eq(connection.uuid()),
            streams::entity.eq(entity),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(streams::table
        .filter(of_this())
        .select(StreamRow::as_select())
        .first(conn)
        .await?)
}

/// The streams of a connection.
///
/// # Errors
/// When the database refuses.
pub async fn of_connection(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
) -> Result<Vec<StreamRow>, StoreError> {
    Ok(streams::table
        .filter(
            streams::tenant_id
                .eq(tenant.uuid())
                .and(streams::connection_id.eq(connection.uuid())),
        )
        .order(streams::id)
        .select(StreamRow::as_select())
        .load(conn)
        .await?)
}

/// Forgets how far an entity of a connection has been read. Its records stay.
///
/// # Errors
/// When the database refuses.
pub async fn forget_checkpoint(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    entity: &str,
) -> Result<(), StoreError> {
    diesel::update(streams::table)
        .filter(
            streams::tenant_id
                .eq(tenant.uuid())
                .and(streams::connection_id.eq(connection.uuid()))
                .and(streams::entity.eq(entity)),
        )
        .set(streams::checkpoint.eq(None::<Value>))
        .execute(conn)
        .await?;
    Ok(())
}

/// Stores how far a sync that has read a stream to the end leaves it.
///
/// # Errors
/// When the database refuses.
pub async fn move_checkpoint(
    conn: &mut AsyncPgConnection,
    stream: i64,
    sync: SyncId,
    checkpoint: &Value,
) -> Result<(), StoreError> {
    diesel::update(streams::table.find(stream))
        .set((
            streams::checkpoint.eq(checkpoint),
            streams::last_sync_id.eq(sync.uuid()),
            streams::last_read_at.eq(diesel::dsl::now),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// The streams that hold an entity of a tenant, over all its connections or on one.
///
/// # Errors
/// When the database refuses.
pub async fn holding(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    connection: Option<ConnectionId>,
) -> Result<Vec<i64>, StoreError> {
    let mut query = streams::table
        .filter(
            streams::tenant_id
                .eq(tenant.uuid())
                .and(streams::entity.eq(entity)),
        )
        .select(streams::id)
        .order(streams::id)
        .into_boxed();
    if let Some(connection) = connection {
        query = query.filter(streams::connection_id.eq(connection.uuid()));
    }
    Ok(query.load(conn).await?)
}
