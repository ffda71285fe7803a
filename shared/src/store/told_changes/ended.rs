//! What upkeep does about told changes: what a sync did not read after all waits again, and what waits is found.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Uuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::{ConnectionId, TenantId};
use crate::store::StoreError;
use crate::store::statement::statement;

/// Forgets what syncs that COMPLETED were to read. What others were to read waits again, a minute at first and longer each
/// time, up to a day; told anew meanwhile, it waits as long.
///
/// # Errors
/// When the database refuses.
pub async fn settle_ended(conn: &mut AsyncPgConnection, at_most: i64) -> Result<(), StoreError> {
    statement(
        "WITH RECURSIVE taken AS (
             (SELECT sync_id AS id FROM told_changes WHERE sync_id IS NOT NULL ORDER BY sync_id LIMIT 1)
             UNION ALL
             SELECT (SELECT sync_id FROM told_changes WHERE sync_id > taken.id ORDER BY sync_id LIMIT 1)
             FROM taken WHERE taken.id IS NOT NULL
         ), over AS (
             SELECT taken.id, jobs.state FROM taken LEFT JOIN jobs ON jobs.id = taken.id
             WHERE taken.id IS NOT NULL AND (jobs.id IS NULL OR jobs.state IN ('COMPLETED', 'FAILED', 'CANCELLED'))
             LIMIT $1
         ), mine AS (
             SELECT told_changes.id, over.state FROM over JOIN told_changes ON told_changes.sync_id = over.id
             FOR NO KEY UPDATE OF told_changes SKIP LOCKED
         ), ended AS (
             DELETE FROM told_changes AS told USING mine WHERE told.id = mine.id
             RETURNING connection_id, entity, external_id, failures, told_at, mine.state
         )
         INSERT INTO told_changes (connection_id, entity, external_id, failures, told_at, due_at)
         SELECT connection_id, entity, external_id, max(failures) + 1, min(told_at),
                now() + least(interval '1 minute' * 2 ^ least(max(failures), 12), interval '1 day')
         FROM ended WHERE state IS DISTINCT FROM 'COMPLETED'
         GROUP BY connection_id, entity, external_id ORDER BY connection_id, entity, external_id
         ON CONFLICT (connection_id, entity, external_id) WHERE sync_id IS NULL DO UPDATE
         SET due_at = greatest(told_changes.due_at, excluded.due_at), failures = excluded.failures,
             told_at = excluded.told_at",
    )
    .bind::<BigInt, _>(at_most)
    .execute(conn)
    .await?;
    Ok(())
}

/// A connection whose told changes can be taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startable {
    /// Which.
    pub connection_id: ConnectionId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Its connector.
    pub connector_id: String,
}

#[derive(QueryableByName)]
struct StartableRow {
    #[diesel(sql_type = Uuid)]
    id: uuid::Uuid,
    #[diesel(sql_type = Uuid)]
    tenant_id: uuid::Uuid,
    #[diesel(sql_type = Text)]
    connector_id: String,
}

/// Connections of these connectors that may sync, have no active sync and were told of changes that are due.
///
/// # Errors
/// When the database refuses.
pub async fn startable(
    conn: &mut AsyncPgConnection,
    connectors: &[&str],
    at_most: i64,
) -> Result<Vec<Startable>, StoreError> {
    let rows: Vec<StartableRow> = statement(
        "WITH RECURSIVE told AS (
             (SELECT connection_id AS id FROM told_changes WHERE sync_id IS NULL ORDER BY connection_id LIMIT 1)
             UNION ALL
             SELECT (SELECT connection_id FROM told_changes WHERE sync_id IS NULL AND connection_id > told.id
                     ORDER BY connection_id LIMIT 1)
             FROM told WHERE told.id IS NOT NULL
         )
         SELECT connections.id, tenant_id, connector_id FROM told JOIN connections ON connections.id = told.id
         WHERE status IN ('ACTIVE', 'ERROR') AND connector_id = ANY($1)
           AND NOT EXISTS (
               SELECT FROM jobs
               WHERE jobs.connection_id = told.id AND kind = 'sync' AND state IN ('QUEUED', 'RUNNING')
           )
           AND NOT EXISTS (
               SELECT FROM told_changes AS put_off
               WHERE put_off.connection_id = told.id AND sync_id IS NULL AND due_at > now()
           )
         LIMIT $2",
    )
    .bind::<Array<Text>, _>(connectors)
    .bind::<BigInt, _>(at_most)
    .load(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Startable {
            connection_id: row.id.into(),
            tenant_id: row.tenant_id.into(),
            connector_id: row.connector_id,
        })
        .collect())
}

/// Forgets what was told an hour ago of other entities than these: the connector has them no more. What was told since may be
/// of an entity that this process does not know yet.
///
/// # Errors
/// When the database refuses.
pub async fn forget_others(
    conn: &mut AsyncPgConnection,
    connection: ConnectionId,
    entities: &[String],
) -> Result<(), StoreError> {
    statement(
        "DELETE FROM told_changes
         WHERE connection_id = $1 AND sync_id IS NULL AND entity <> ALL($2) AND told_at < now() - interval '1 hour'",
    )
    .bind::<Uuid, _>(connection.uuid())
    .bind::<Array<Text>, _>(entities)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets events that were told more than a week ago, longer than any vendor tries; the oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn forget_old_events(
    conn: &mut AsyncPgConnection,
    at_most: i64,
) -> Result<usize, StoreError> {
    Ok(statement(
        "DELETE FROM inbound_events WHERE (connection_id, digest) IN (
             SELECT connection_id, digest FROM inbound_events WHERE received_at < now() - interval '7 days'
             ORDER BY received_at LIMIT $1 FOR UPDATE SKIP LOCKED
         )",
    )
    .bind::<BigInt, _>(at_most)
    .execute(conn)
    .await?)
}
