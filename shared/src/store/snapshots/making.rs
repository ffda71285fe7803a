//! How a snapshot is made: begun with its sync, filled part by part, each part sealed when it is whole.

use std::pin::pin;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

use super::super::statement::statement;
use super::super::{Lease, Store, StoreError};
use super::Part;
use crate::domain::{ConnectionId, SyncId};
use crate::failpoints::step;

/// A part that is being made.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// By which sync.
    pub sync_id: SyncId,
    /// Of which entity.
    pub entity: &'a str,
    /// The part.
    pub part: Part,
}

#[derive(QueryableByName)]
struct OpenedRow {
    #[diesel(sql_type = BigInt)]
    no: i64,
}

#[derive(QueryableByName)]
struct PairRow {
    #[diesel(sql_type = Text)]
    external_id: String,
    #[diesel(sql_type = Binary)]
    fingerprint: Vec<u8>,
}

/// Makes the snapshot of a sync, unless it is there. One that is new is empty: what the sync had read before (it failed, what
/// it left was given up, and somebody has it tried again) is forgotten, so that all of it is read anew.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the job's lease is held no more.
pub async fn begin(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    connection: ConnectionId,
) -> Result<(), StoreError> {
    conn.transaction(async |conn| make(conn, lease, connection).await)
        .await
}

async fn make(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    connection: ConnectionId,
) -> Result<(), StoreError> {
    // The connection first: the order in which it is erased.
    statement("SELECT FROM connections WHERE id = $1 FOR KEY SHARE")
        .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
        .execute(conn)
        .await?;
    lease.hold(conn).await?;
    let made = statement(
        "INSERT INTO snapshots (id, tenant_id, connection_id) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
    )
    .bind::<diesel::sql_types::Uuid, _>(lease.job_id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(lease.tenant_id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .execute(conn)
    .await?;
    if made == 1 {
        for sql in [
            "UPDATE sync_entities SET cursor = NULL, complete = false, fetched = 0, created = 0, updated = 0,
                    unchanged = 0, deleted = 0, vanished = 0, errors = 0
             WHERE sync_id = $1",
            "DELETE FROM sync_record_errors WHERE sync_id = $1",
        ] {
            statement(sql)
                .bind::<diesel::sql_types::Uuid, _>(lease.job_id.uuid())
                .execute(conn)
                .await?;
        }
    }
    Ok(())
}

/// The part for the records of a stream, made if it is not there. From here on, overwriting a record of the stream keeps the
/// version that a snapshot holds.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the job's lease is held no more.
pub async fn open_part(store: &Store, lease: &Lease, stream: i64) -> Result<Part, StoreError> {
    let mut transaction = store.begin().await?;
    let conn: &mut AsyncPgConnection = &mut transaction;
    lease.hold(conn).await?;
    statement("UPDATE streams SET has_snapshots = true WHERE id = $1")
        .bind::<BigInt, _>(stream)
        .execute(conn)
        .await?;
    let opened: OpenedRow = statement(
        "INSERT INTO snapshot_parts (snapshot_id, stream_id) VALUES ($1, $2)
         ON CONFLICT (snapshot_id, stream_id) DO UPDATE SET stream_id = excluded.stream_id RETURNING no",
    )
    .bind::<diesel::sql_types::Uuid, _>(lease.job_id.uuid())
    .bind::<BigInt, _>(stream)
    .get_result(conn)
    .await?;
    transaction.commit().await?;
    Ok(Part {
        no: opened.no,
        stream_id: stream,
    })
}

/// Counts and digests a part that was read to its end, and notes that its entity is complete. The digest is the SHA-256 of
/// one line for each record, in the order of the bytes of their ids: the length of the id in bytes, a colon, the id, a colon,
/// the fingerprint in hex, and a line feed.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the job's lease is held no more.
pub async fn seal(store: &Store, lease: &Lease, making: &Making<'_>) -> Result<(), StoreError> {
    let (records, digest) = digest(store, making.part).await?;
    let mut transaction = store.begin().await?;
    let conn: &mut AsyncPgConnection = &mut transaction;
    lease.hold_with_progress(conn).await?;
    statement(
        "UPDATE snapshot_parts SET records = $4, digest = $5, errors = e.errors FROM sync_entities e
         WHERE no = $1 AND e.sync_id = $2 AND e.entity = $3",
    )
    .bind::<BigInt, _>(making.part.no)
    .bind::<diesel::sql_types::Uuid, _>(making.sync_id.uuid())
    .bind::<Text, _>(making.entity)
    .bind::<BigInt, _>(records)
    .bind::<Binary, _>(digest)
    .execute(conn)
    .await?;
    statement("UPDATE sync_entities SET cursor = NULL, complete = true WHERE sync_id = $1 AND entity = $2")
        .bind::<diesel::sql_types::Uuid, _>(making.sync_id.uuid())
        .bind::<Text, _>(making.entity)
        .execute(conn)
        .await?;
    step("a part of a snapshot is about to be sealed");
    transaction.commit().await
}

/// Reads the part as a stream: nobody else writes it, and no lock is held meanwhile.
async fn digest(store: &Store, part: Part) -> Result<(i64, Vec<u8>), StoreError> {
    let mut view = store.view().await?;
    let conn: &mut AsyncPgConnection = &mut view;
    let rows = statement(
        "SELECT external_id, fingerprint FROM snapshot_records WHERE part_no = $1 ORDER BY external_id",
    )
    .bind::<BigInt, _>(part.no)
    .load_stream::<PairRow>(conn)
    .await?;
    let mut rows = pin!(rows);
    let (mut records, mut digest) = (0, Sha256::new());
    while let Some(row) = rows.try_next().await? {
        digest.update(line(&row));
        records += 1;
    }
    Ok((records, digest.finalize().to_vec()))
}

fn line(row: &PairRow) -> String {
    use std::fmt::Write;
    let mut line = format!("{}:{}:", row.external_id.len(), row.external_id);
    for byte in &row.fingerprint {
        // Writing to a string does not fail.
        let _ = write!(line, "{byte:02x}");
    }
    line.push('\n');
    line
}
