//! What is left of snapshots that are not to be: given up when their sync ended otherwise than well, and removed in steps.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::statement::statement;
use super::super::{Store, StoreError};
use super::Part;
use super::versions::release;

/// Whether there is more to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// There may be.
    Something,
    /// There is not, or others see to it.
    Nothing,
}

#[derive(QueryableByName)]
struct GivenUpRow {
    #[diesel(sql_type = BigInt)]
    no: i64,
    #[diesel(sql_type = BigInt)]
    stream_id: i64,
}

#[derive(QueryableByName)]
struct RemovedRow {
    #[diesel(sql_type = Text)]
    external_id: String,
    #[diesel(sql_type = Binary)]
    fingerprint: Vec<u8>,
}

/// Looks how the syncs of snapshots ended, and gives up the snapshots of those that FAILED or were CANCELLED.
///
/// # Errors
/// When the database refuses.
pub async fn discard_unfinished(
    conn: &mut AsyncPgConnection,
    at_most: i64,
) -> Result<usize, StoreError> {
    // The job is locked, so that nobody has it tried again meanwhile; and the connection, since erasing it erases both.
    Ok(statement(
        "WITH ended AS (
             SELECT s.id, j.state
             FROM snapshots s JOIN jobs j ON j.id = s.id JOIN connections c ON c.id = s.connection_id
             WHERE s.watched AND j.state IN ('COMPLETED', 'FAILED', 'CANCELLED')
             LIMIT $1 FOR NO KEY UPDATE OF c, j, s SKIP LOCKED
         ), whole AS (
             UPDATE snapshots SET watched = false FROM ended
             WHERE snapshots.id = ended.id AND ended.state = 'COMPLETED'
         )
         DELETE FROM snapshots USING ended WHERE snapshots.id = ended.id AND ended.state <> 'COMPLETED'",
    )
    .bind::<BigInt, _>(at_most)
    .execute(conn)
    .await?)
}

/// Removes records of a part that was given up, at most so many, and the versions that nothing else holds.
///
/// # Errors
/// When the database refuses.
pub async fn collect(store: &Store, at_most: i64) -> Result<Left, StoreError> {
    let mut transaction = store.begin().await?;
    let conn: &mut AsyncPgConnection = &mut transaction;
    // The stream first: the order in which it is erased.
    let given_up: Option<GivenUpRow> = statement(
        "SELECT p.no, p.stream_id FROM snapshot_parts p JOIN streams s ON s.id = p.stream_id
         WHERE p.snapshot_id IS NULL ORDER BY p.no LIMIT 1 FOR NO KEY UPDATE OF s SKIP LOCKED",
    )
    .get_result(conn)
    .await
    .optional()?;
    let Some(given_up) = given_up else {
        return Ok(Left::Nothing);
    };
    let part = Part {
        no: given_up.no,
        stream_id: given_up.stream_id,
    };
    let removed: Vec<RemovedRow> = statement(
        "DELETE FROM snapshot_records WHERE part_no = $1 AND external_id = ANY(ARRAY(
             SELECT external_id FROM snapshot_records WHERE part_no = $1 ORDER BY external_id LIMIT $2))
         RETURNING external_id, fingerprint",
    )
    .bind::<BigInt, _>(part.no)
    .bind::<BigInt, _>(at_most)
    .load(conn)
    .await?;
    let was_all = i64::try_from(removed.len()).is_ok_and(|removed| removed < at_most);
    let versions: Vec<(String, Vec<u8>)> = removed
        .into_iter()
        .map(|row| (row.external_id, row.fingerprint))
        .collect();
    release(conn, part.stream_id, &versions).await?;
    if was_all {
        close(conn, part).await?;
    }
    transaction.commit().await?;
    Ok(Left::Something)
}

/// Removes an empty part; a stream whose last it was is as if it had never had snapshots.
async fn close(conn: &mut AsyncPgConnection, part: Part) -> Result<(), StoreError> {
    statement("DELETE FROM snapshot_parts WHERE no = $1")
        .bind::<BigInt, _>(part.no)
        .execute(conn)
        .await?;
    statement(
        "UPDATE streams SET has_snapshots = false
         WHERE id = $1 AND NOT EXISTS (SELECT FROM snapshot_parts WHERE stream_id = $1)",
    )
    .bind::<BigInt, _>(part.stream_id)
    .execute(conn)
    .await?;
    Ok(())
}
