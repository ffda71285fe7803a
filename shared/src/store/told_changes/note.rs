//! Noting what a notice tells.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::ConnectionId;
use crate::store::StoreError;
use crate::store::statement::statement;

/// An event that a vendor told.
#[derive(Debug, Clone)]
pub struct ToldEvent {
    /// Tells it from all others of the connection.
    pub digest: [u8; 32],
    /// Whether no other event has the same digest. If not, one that has is taken once more.
    pub settled: bool,
    /// The entities it is about, each with a record's id or, as `None`, with all of its records.
    pub changes: BTreeSet<(String, Option<String>)>,
}

#[derive(QueryableByName)]
struct NotedRow {
    #[diesel(sql_type = BigInt)]
    fresh: i64,
}

/// Notes events and what they are about; returns how many of them were not known. It is one statement: outside of a
/// transaction it is committed when this returns. Whoever has the same event in hand is waited for.
///
/// # Errors
/// [`StoreError::Refused`] when there is no such connection any more.
pub async fn note(
    conn: &mut AsyncPgConnection,
    connection: ConnectionId,
    events: &[ToldEvent],
) -> Result<i64, StoreError> {
    let mut settled: BTreeMap<&[u8], bool> = BTreeMap::new();
    for event in events {
        settled.insert(&event.digest, event.settled);
    }
    let (digests, settled): (Vec<&[u8]>, Vec<bool>) = settled.into_iter().unzip();
    let (mut of, mut entities, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        for (entity, id) in &event.changes {
            of.push(&event.digest[..]);
            entities.push(entity.as_str());
            ids.push(id.as_deref());
        }
    }
    // Where all of an entity is to be read already, a record of it need not be named beside that.
    let row: NotedRow = statement(
        "WITH fresh AS (
             INSERT INTO inbound_events (connection_id, digest, settled)
             SELECT $1, digest, settled FROM unnest($2, $3) AS told (digest, settled) ORDER BY digest
             ON CONFLICT (connection_id, digest) DO UPDATE SET settled = excluded.settled, received_at = now()
                 WHERE NOT inbound_events.settled
             RETURNING digest
         ), told AS (
             SELECT DISTINCT entity, external_id FROM unnest($4, $5, $6) AS told (digest, entity, external_id)
             WHERE digest IN (SELECT digest FROM fresh)
         ), noted AS (
             INSERT INTO told_changes (connection_id, entity, external_id)
             SELECT $1, entity, external_id FROM told
             WHERE NOT EXISTS (
                 SELECT FROM told_changes AS all_of WHERE all_of.connection_id = $1 AND all_of.entity = told.entity
                    AND all_of.external_id IS NULL AND all_of.sync_id IS NULL
             )
             ORDER BY entity, external_id COLLATE \"C\"
             ON CONFLICT DO NOTHING
         )
         SELECT count(*) AS fresh FROM fresh",
    )
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .bind::<Array<Binary>, _>(digests)
    .bind::<Array<Bool>, _>(settled)
    .bind::<Array<Binary>, _>(of)
    .bind::<Array<Text>, _>(entities)
    .bind::<Array<Nullable<Text>>, _>(ids)
    .get_result(conn)
    .await?;
    Ok(row.fresh)
}
