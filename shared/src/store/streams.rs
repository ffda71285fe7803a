//! Streams: an entity of a connection, its checkpoint, the hook for its records.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::StoreError;
use super::schema::streams;
use crate::domain::{ConnectionId, TenantId};

/// A stream.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = streams)]
pub struct StreamRow {
    /// The number its records carry.
    pub id: i64,
    /// The entity.
    pub entity: String,
    /// From where the next INCREMENTAL reads.
    pub checkpoint: Option<Value>,
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

/// Stores from where the next INCREMENTAL reads.
///
/// # Errors
/// When the database refuses.
pub async fn move_checkpoint(
    conn: &mut AsyncPgConnection,
    stream: i64,
    checkpoint: &Value,
) -> Result<(), StoreError> {
    diesel::update(streams::table.find(stream))
        .set(streams::checkpoint.eq(checkpoint))
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
