//! The tenant's own records: those that no sync brings, but the platform puts in itself.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::record_errors::{NewRecordError, Seen};
use super::records::{Counts, NewRecord, Versions, upsert};
use super::statement::statement;
use super::{Store, StoreError, change_sets, record_errors};
use crate::domain::{ReadFrom, TenantId, Ties};

/// Where the tenant's own records of an entity hang.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct OwnStream {
    /// The number its records carry.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// What Postgres' clock shows.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
}

/// The stream of the tenant's own records of this entity, made if it is not there.
///
/// # Errors
/// When the database refuses.
pub async fn ensure(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
) -> Result<OwnStream, StoreError> {
    if let Some(stream) = find(conn, tenant, entity).await? {
        return Ok(stream);
    }
    statement("INSERT INTO streams (tenant_id, entity) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
        .bind::<Text, _>(entity)
        .execute(conn)
        .await?;
    let stream = find(conn, tenant, entity).await?;
    stream.ok_or(StoreError::Stale)
}

async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
) -> Result<Option<OwnStream>, StoreError> {
    Ok(statement(
        "SELECT id, now() AS now FROM streams WHERE tenant_id = $1 AND entity = $2 AND connection_id IS NULL",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Text, _>(entity)
    .get_result(conn)
    .await
    .optional()?)
}

/// Lets no other transaction write this stream: two that write the same records in another order would wait for each other.
async fn hold(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    stream: i64,
) -> Result<(), StoreError> {
    let held =
        statement("SELECT id FROM streams WHERE id = $1 AND tenant_id = $2 FOR NO KEY UPDATE")
            .bind::<BigInt, _>(stream)
            .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
            .execute(conn)
            .await?;
    if held == 1 {
        Ok(())
    } else {
        Err(StoreError::Stale)
    }
}

/// A batch that the tenant puts in.
#[derive(Debug, Clone, Copy)]
pub struct Put<'a> {
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which entity.
    pub entity: &'a str,
    /// Into which stream.
    pub stream_id: i64,
    /// The records, in the order in which they came.
    pub records: &'a [NewRecord<'a>],
    /// Those that cannot be stored.
    pub rejected: &'a [NewRecordError<'a>],
}

impl Put<'_> {
    fn place(&self) -> record_errors::ErrorPlace {
        place(self.tenant_id, self.stream_id)
    }
}

fn place(tenant_id: TenantId, stream_id: i64) -> record_errors::ErrorPlace {
    record_errors::ErrorPlace {
        tenant_id,
        connection_id: None,
        stream_id,
        sync_id: None,
    }
}

/// Commits a batch: all of it, or nothing. What cannot be stored is noted as record errors; what is stored resolves them.
///
/// # Errors
/// When the database refuses.
pub async fn put(store: &Store, put: &Put<'_>) -> Result<Counts, StoreError> {
    let mut transaction = store.begin().await?;
    let conn: &mut AsyncPgConnection = &mut transaction;
    hold(conn, put.tenant_id, put.stream_id).await?;
    let upserted = upsert(conn, &versions(put)).await?;
    record_errors::note(conn, put.place(), put.rejected).await?;
    if record_errors::are_open(conn, put.stream_id).await? {
        let seen: Vec<_> = put.records.iter().map(Seen::from).collect();
        record_errors::resolve(conn, put.place(), Ties::TakeNew, &seen).await?;
    }
    if let Some(change_set) = upserted.change_set {
        change_set.close(conn).await?;
    }
    transaction.commit().await?;
    Ok(upserted.counts)
}

/// Marks one record as deleted; returns whether it was there. To be called in a transaction, as its last verb.
///
/// # Errors
/// When the database refuses.
pub async fn delete(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    external_id: &str,
) -> Result<bool, StoreError> {
    let Some(stream) = find(conn, tenant, entity).await? else {
        return Ok(false);
    };
    hold(conn, tenant, stream.id).await?;
    let change_set = change_sets::open(conn, tenant, entity, stream.id, None).await?;
    let deleted = statement(
        "UPDATE records SET deleted_at = now(), changed_at = now(), change_set = $3, as_of = greatest(as_of, now())
         WHERE stream_id = $1 AND external_id = $2 AND deleted_at IS NULL",
    )
    .bind::<BigInt, _>(stream.id)
    .bind::<Text, _>(external_id)
    .bind::<BigInt, _>(change_set.id)
    .execute(conn)
    .await?;
    if deleted == 0 {
        return Ok(false);
    }
    let gone = Seen {
        external_id,
        as_of: stream.now,
    };
    record_errors::resolve(conn, place(tenant, stream.id), Ties::TakeNew, &[gone]).await?;
    change_set.close(conn).await?;
    Ok(true)
}

fn versions<'a>(put: &Put<'a>) -> Versions<'a> {
    Versions {
        tenant_id: put.tenant_id,
        entity: put.entity,
        stream_id: put.stream_id,
        sync_id: None,
        records: put.records,
        ties: Ties::TakeNew,
        read_from: ReadFrom::List,
    }
}

/// Which of these entities the tenant has put records of, or has on any connection.
///
/// # Errors
/// When the database refuses.
pub async fn known_among(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entities: &[&str],
) -> Result<Vec<String>, StoreError> {
    #[derive(QueryableByName)]
    struct Known {
        #[diesel(sql_type = Text)]
        entity: String,
    }
    let known: Vec<Known> = statement(
        "SELECT DISTINCT entity FROM unnest($2) AS entity
         WHERE EXISTS (SELECT FROM streams s WHERE s.tenant_id = $1 AND s.entity = entity.entity)",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Array<Text>, _>(entities.to_vec())
    .load(conn)
    .await?;
    Ok(known.into_iter().map(|known| known.entity).collect())
}
