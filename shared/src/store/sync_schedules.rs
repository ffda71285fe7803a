//! When connections sync by themselves. Due times are set by Postgres' clock, as everything is that decides what is done.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::statement::statement;
use crate::domain::{ConnectionId, SyncId, TenantId};

/// A connection whose time to sync by itself has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub connection_id: ConnectionId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Its connector.
    pub connector_id: String,
}

#[derive(QueryableByName)]
struct DueRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Text)]
    connector_id: String,
}

/// Claims connections that are due: each is held until the transaction ends, skipped by others, and next due an
/// interval from now. What was missed, because it was paused or nobody looked, is not made up for.
///
/// # Errors
/// When the database refuses.
pub async fn claim_due(conn: &mut AsyncPgConnection, at_most: i64) -> Result<Vec<Due>, StoreError> {
    let rows: Vec<DueRow> = statement(
        "WITH due AS (
             SELECT id FROM connections
             WHERE next_sync_at <= now() AND auto_sync AND status IN ('ACTIVE', 'ERROR')
             ORDER BY next_sync_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
         )
         UPDATE connections SET next_sync_at = now() + sync_pause(sync_interval, consecutive_failures)
         FROM due WHERE connections.id = due.id
         RETURNING connections.id, tenant_id, connector_id",
    )
    .bind::<BigInt, _>(at_most)
    .load(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Due {
            connection_id: row.id.into(),
            tenant_id: row.tenant_id.into(),
            connector_id: row.connector_id,
        })
        .collect())
}

#[derive(QueryableByName)]
struct NextRow {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    next_sync_at: Option<DateTime<Utc>>,
}

/// Sets when a connection syncs by itself next, given the settings it is about to have, and forgets its failures; says
/// when. A longer interval counts from now; one that is not longer never postpones what is due already.
///
/// # Errors
/// [`StoreError::Stale`] when there is no such connection.
pub async fn reschedule(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ConnectionId,
    sync_interval: Option<&str>,
    auto_sync: bool,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let row: Option<NextRow> = statement(
        "UPDATE connections SET consecutive_failures = 0, next_sync_at = CASE
                WHEN NOT $4 THEN NULL
                WHEN auto_sync AND $3::interval <= sync_interval::interval
                THEN least(next_sync_at, now() + sync_pause($3, 0))
                ELSE now() + sync_pause($3, 0) END
         WHERE id = $1 AND tenant_id = $2 RETURNING next_sync_at",
    )
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Nullable<Text>, _>(sync_interval)
    .bind::<Bool, _>(auto_sync)
    .get_result(conn)
    .await
    .optional()?;
    Ok(row.ok_or(StoreError::Stale)?.next_sync_at)
}

/// Notes that syncs ended FAILED: those that a schedule began put off the next one of their connections.
///
/// # Errors
/// When the database refuses.
pub async fn note_failed(conn: &mut AsyncPgConnection, ids: &[SyncId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    statement(
        "UPDATE connections SET consecutive_failures = consecutive_failures + 1,
                next_sync_at = CASE WHEN auto_sync THEN now() + sync_pause(sync_interval, consecutive_failures + 1) END
         FROM syncs
         WHERE syncs.id = ANY($1) AND trigger = 'SCHEDULE' AND connections.id = syncs.connection_id",
    )
    .bind::<Array<diesel::sql_types::Uuid>, _>(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that syncs completed now, however they began: a connection in ERROR is well again, and one that was put off is due
/// at its interval. Not those of single records, which say nothing of the others.
///
/// # Errors
/// When the database refuses.
pub async fn note_completed(
    conn: &mut AsyncPgConnection,
    ids: &[SyncId],
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    statement(
        "UPDATE connections SET last_sync_at = now(), version = version + (status = 'ERROR')::int,
                status_reason = CASE WHEN status = 'ERROR' THEN NULL ELSE status_reason END,
                status = CASE WHEN status = 'ERROR' THEN 'ACTIVE' ELSE status END,
                consecutive_failures = 0,
                next_sync_at = CASE WHEN auto_sync AND consecutive_failures > 0
                    THEN least(next_sync_at, now() + sync_pause(sync_interval, 0)) ELSE next_sync_at END
         FROM syncs
         WHERE syncs.id = ANY($1) AND targets IS NULL AND connections.id = syncs.connection_id",
    )
    .bind::<Array<diesel::sql_types::Uuid>, _>(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
