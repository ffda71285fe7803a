//! What one transaction of a sync writes: records, counts, cursor, all under the job's fence.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::super::snapshots::{self, Part};
use super::super::statement::statement;
use super::super::{Lease, Store, StoreError, streams, sweep};
use super::{Counts, Versions, upsert};
use crate::domain::SyncId;
use crate::failpoints::step;

/// One record that could not be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewRecordError<'a> {
    /// The vendor's id, where it could be read.
    pub external_id: Option<&'a str>,
    /// Stable, kebab-case.
    pub code: &'a str,
    /// What is wrong with it.
    pub message: &'a str,
    /// The vendor's bytes, bounded.
    pub payload: &'a [u8],
}

/// What one transaction of a sync writes.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The sync.
    pub sync_id: SyncId,
    /// What was read.
    pub versions: Versions<'a>,
    /// The records that could not be stored.
    pub rejected: &'a [NewRecordError<'a>],
    /// Where to go on after this batch; `None` when the entity is complete.
    pub cursor: Option<&'a Value>,
    /// From where the next INCREMENTAL reads, where this batch moves it.
    pub checkpoint: Option<&'a Value>,
    /// Whether the ids of what was not written are kept aside.
    pub seen: Seen,
    /// The part of a snapshot that it goes to; `None` where it goes to the current records.
    pub part: Option<Part>,
}

/// Whether a walk remembers what it found as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It enumerates the entity: what it neither sees nor writes is gone.
    Remembered,
    /// It reads a part: nothing follows for what it does not see.
    Forgotten,
}

/// Commits a batch: all of it, or nothing; nothing also when the future is dropped.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the job's lease is held no more.
pub async fn commit(store: &Store, lease: &Lease, batch: &Batch<'_>) -> Result<Counts, StoreError> {
    let mut transaction = store.begin().await?;
    let conn: &mut AsyncPgConnection = &mut transaction;
    lease.hold_with_progress(conn).await?;
    step("the batch's transaction has begun");
    let mut upserted = match batch.part {
        Some(part) => snapshots::write(conn, part, &batch.versions).await?,
        None => upsert(conn, &batch.versions).await?,
    };
    if !batch.rejected.is_empty() {
        write_errors(conn, batch).await?;
    }
    if batch.seen == Seen::Remembered {
        let rejected = batch.rejected.iter().filter_map(|error| error.external_id);
        upserted.untouched.extend(rejected);
        sweep::remember(
            conn,
            batch.sync_id,
            batch.versions.stream_id,
            upserted.untouched,
        )
        .await?;
    }
    count(conn, batch, upserted.counts).await?;
    if let Some(checkpoint) = batch.checkpoint {
        streams::move_checkpoint(conn, batch.versions.stream_id, batch.sync_id, checkpoint).await?;
    }
    if let Some(change_set) = upserted.change_set {
        change_set.close(conn).await?;
    }
    step("the batch is about to be committed");
    transaction.commit().await?;
    Ok(upserted.counts)
}

async fn write_errors(conn: &mut AsyncPgConnection, batch: &Batch<'_>) -> Result<(), StoreError> {
    use super::super::schema::record_errors as table;
    let rows: Vec<_> = batch
        .rejected
        .iter()
        .map(|error| {
            (
                table::sync_id.eq(batch.sync_id.uuid()),
                table::entity.eq(batch.versions.entity),
                table::external_id.eq(error.external_id),
                table::code.eq(error.code),
                table::message.eq(error.message),
                table::payload.eq(error.payload),
            )
        })
        .collect();
    diesel::insert_into(table::table)
        .values(rows)
        .execute(conn)
        .await?;
    Ok(())
}

async fn count(
    conn: &mut AsyncPgConnection,
    batch: &Batch<'_>,
    counts: Counts,
) -> Result<(), StoreError> {
    let errors = rows(batch.rejected.len());
    statement(
        "UPDATE sync_entities SET cursor = $3, complete = ($3 IS NULL), fetched = fetched + $4,
                created = created + $5, updated = updated + $6, unchanged = unchanged + $7,
                deleted = deleted + $8, errors = errors + $9
         WHERE sync_id = $1 AND entity = $2",
    )
    .bind::<diesel::sql_types::Uuid, _>(batch.sync_id.uuid())
    .bind::<Text, _>(batch.versions.entity)
    .bind::<Nullable<Jsonb>, _>(batch.cursor)
    .bind::<BigInt, _>(rows(batch.versions.records.len()) + errors)
    .bind::<BigInt, _>(counts.created)
    .bind::<BigInt, _>(counts.updated)
    .bind::<BigInt, _>(counts.unchanged)
    .bind::<BigInt, _>(counts.deleted)
    .bind::<BigInt, _>(errors)
    .execute(conn)
    .await?;
    Ok(())
}

fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
