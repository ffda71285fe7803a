//! What syncs keep aside of their walks until they sweep, and what becomes of it where they never do.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::statement::statement;
use crate::domain::SyncId;

/// How far a round of [`forget_useless`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// The last sync it looked at; `None` when there are no more.
    pub last: Option<SyncId>,
    /// How many rows it removed.
    pub removed: i64,
}

#[derive(QueryableByName)]
struct ForgottenRow {
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    last: Option<Uuid>,
    #[diesel(sql_type = BigInt)]
    removed: i64,
}

/// Forgets what syncs kept aside that can sweep no more: those that are over and cannot be retried, and those after which
/// another sync of the connection was accepted, as [`sweep::is_outdated`](super::sweep::is_outdated) tells them too. Of the
/// next `syncs` after this one, at most so many rows.
///
/// # Errors
/// When the database refuses.
pub async fn forget_useless(
    conn: &mut AsyncPgConnection,
    after: Option<SyncId>,
    syncs: i64,
    rows: i64,
) -> Result<Forgotten, StoreError> {
    // From one sync to the next by the indexes: what each of them keeps is not read.
    let row: ForgottenRow = statement(
        "WITH RECURSIVE kept (sync_id, place) AS (
             SELECT $1, 0::bigint
             UNION ALL
             SELECT least((SELECT s.sync_id FROM seen_records s WHERE s.sync_id > kept.sync_id ORDER BY s.sync_id LIMIT 1),
                          (SELECT m.sync_id FROM missing_records m WHERE m.sync_id > kept.sync_id ORDER BY m.sync_id LIMIT 1)),
                    place + 1
             FROM kept WHERE sync_id IS NOT NULL AND place < $2
         ), useless AS MATERIALIZED (
             SELECT kept.sync_id FROM kept
             WHERE kept.place > 0 AND kept.sync_id IS NOT NULL AND NOT EXISTS (
                 SELECT FROM jobs j JOIN syncs s ON s.id = j.id
                 WHERE j.id = kept.sync_id AND j.state NOT IN ('COMPLETED', 'CANCELLED')
                   AND NOT EXISTS (SELECT FROM syncs l WHERE l.connection_id = s.connection_id AND l.id > s.id))
         ), seen AS (
             DELETE FROM seen_records WHERE ctid = ANY(ARRAY(
                 SELECT r.ctid FROM useless u JOIN seen_records r ON r.sync_id = u.sync_id LIMIT $3 FOR UPDATE OF r SKIP LOCKED))
             RETURNING 1
         ), missing AS (
             DELETE FROM missing_records WHERE ctid = ANY(ARRAY(
                 SELECT r.ctid FROM useless u JOIN missing_records r ON r.sync_id = u.sync_id LIMIT $3 FOR UPDATE OF r SKIP LOCKED))
             RETURNING 1
         )
         SELECT (SELECT sync_id FROM kept WHERE place = $2) AS last,
                (SELECT count(*) FROM seen) + (SELECT count(*) FROM missing) AS removed",
    )
    .bind::<diesel::sql_types::Uuid, _>(after.map_or(Uuid::nil(), SyncId::uuid))
    .bind::<BigInt, _>(syncs)
    .bind::<BigInt, _>(rows)
    .get_result(conn)
    .await?;
    Ok(Forgotten {
        last: row.last.map(Into::into),
        removed: row.removed,
    })
}
