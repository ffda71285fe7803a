//! What one transaction of a sync writes: records, counts, cursor, all under the job's fence.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::super::record_errors::{self, NewRecordError};
use super::super::snapshots::{self, Part};
use super::super::statement::statement;
use super::super::sync_log::{self, Reading};
use super::super::{Lease, Store, StoreError, streams, sweep};
use super::{Counts, Versions, upsert, write};
use crate::domain::{RecordErrorId, SyncId, Tolerance};
use crate::failpoints::step;

/// A record that the vendor does not have any more.
#[derive(Debug, Clone, Copy)]
pub struct Gone<'a> {
    /// The vendor's id.
    pub external_id: &'a str,
    /// The instant for which the vendor vouched for that.
    pub as_of: DateTime<Utc>,
}

/// What one transaction of a sync writes.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The sync.
    pub sync_id: SyncId,
    /// What was read.
    pub versions: Versions<'a>,
    /// The records that the vendor was asked for by their ids and does not have.
    pub gone: &'a [Gone<'a>],
    /// How it was read.
    pub read: Read,
    /// The records that could not be stored.
    pub rejected: &'a [NewRecordError<'a>],
    /// Errors whose bytes were read again and hold nothing wrong any more.
    pub resolved: &'a [RecordErrorId],
    /// Where to go on after this batch; `None` when the entity is complete.
    pub cursor: Option<&'a Value>,
    /// Where to go on instead if the stream has open errors of records with an id.
    pub retry: Option<&'a Value>,
    /// What may go wrong: beyond it, the checkpoint is not moved.
    pub tolerance: Tolerance,
    /// What reading it took.
    pub reading: Reading,
    /// From where the next INCREMENTAL reads, where this batch moves it.
    pub checkpoint: Option<&'a Value>,
    /// Whether the ids of what was not written are kept aside.
    pub seen: Seen,
    /// The part of a snapshot that it goes to; `None` where it goes to the current records.
    pub part: Option<Part>,
}

/// How a batch was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// By walking the entity.
    InPages,
    /// Record by record, by their ids: it does not count for what is said of the walk.
    Singly,
}

/// What a walk saw, and how much of it could not be stored.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Walked {
    /// Records read.
    #[diesel(sql_type = BigInt)]
    pub fetched: i64,
    /// Of these: could not be stored.
    #[diesel(sql_type = BigInt)]
    pub errors: i64,
}

/// What the walk through an entity saw until now. What was read singly afterwards is left out, so the answer is the same
/// whenever it is asked for.
///
/// # Errors
/// When the database refuses or there is no such entity.
pub async fn walked(
    conn: &mut AsyncPgConnection,
    sync: SyncId,
    entity: &str,
) -> Result<Walked, StoreError> {
    Ok(statement(
        "SELECT fetched - retried AS fetched, errors - retried_errors AS errors FROM sync_entities
         WHERE sync_id = $1 AND entity = $2",
    )
    .bind::<diesel::sql_types::Uuid, _>(sync.uuid())
    .bind::<Text, _>(entity)
    .get_result(conn)
    .await?)
}

/// Whether a walk remembers what it found as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It enumerates the entity: what it neither sees nor writes is gone.
    Remembered,
    /// It reads a part: nothing follows for what it does not see. What it remembered before that was known is forgotten
    /// when it ends.
    Forgotten,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Of its records.
    pub counts: Counts,
    /// Where the entity goes on.
    pub goes_on: GoesOn,
}

/// Where an entity goes on after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoesOn {
    /// As its `cursor` says.
    AtCursor,
    /// As its `retry` says.
    AtRetry,
}

/// Commits a batch: all of it, or nothing; nothing also when the future is dropped.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the job's lease is held no more.
pub async fn commit(
    store: &Store,
    lease: &Lease,
    batch: &Batch<'_>,
) -> Result<Committed, StoreError> {
    let mut transaction = store.begin().await?;
    let conn: &mut AsyncPgConnection = &mut transaction;
    lease.hold_with_progress(conn).await?;
    step("the batch's transaction has begun");
    let mut upserted = match batch.part {
        Some(part) => snapshots::write(conn, part, &batch.versions).await?,
        None => upsert(conn, &batch.versions).await?,
    };
    write::tombstones(conn, &batch.versions, batch.gone, &mut upserted).await?;
    let place = record_errors::ErrorPlace {
        tenant_id: batch.versions.tenant_id,
        connection_id: lease.connection_id,
        stream_id: batch.versions.stream_id,
        sync_id: Some(batch.sync_id),
    };
    let errors = record_errors::note(conn, place, batch.rejected).await?;
    // What a sync meets twice, or what is older than what is stored, is nothing new.
    upserted.counts.unchanged += rows(batch.rejected.len()) - errors;
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
    let counted = count(conn, batch, upserted.counts, errors).await?;
    // A copy that is set apart says nothing of what is stored.
    if counted.open_errors && batch.part.is_none() {
        resolve(conn, place, batch).await?;
    }
    record_errors::resolve_these(conn, place, batch.resolved).await?;
    if let Some(seq) = counted.seq.filter(|seq| sync_log::is_due(*seq)) {
        sync_log::trim(conn, batch.sync_id, seq).await?;
    }
    if let Some(checkpoint) = batch.checkpoint
        && batch
            .tolerance
            .allows_errors(counted.errors, counted.fetched)
    {
        streams::move_checkpoint(conn, batch.versions.stream_id, batch.sync_id, checkpoint).await?;
    }
    if let Some(change_set) = upserted.change_set {
        change_set.close(conn).await?;
    }
    step("the batch is about to be committed");
    transaction.commit().await?;
    Ok(Committed {
        counts: upserted.counts,
        goes_on: match batch.retry {
            Some(_) if counted.open_errors => GoesOn::AtRetry,
            _ => GoesOn::AtCursor,
        },
    })
}

/// Whatever is known of a record as it now is resolves its errors.
async fn resolve(
    conn: &mut AsyncPgConnection,
    place: record_errors::ErrorPlace,
    batch: &Batch<'_>,
) -> Result<(), StoreError> {
    let records = batch.versions.records.iter().map(record_errors::Seen::from);
    let gone = batch.gone.iter().map(|gone| record_errors::Seen {
        external_id: gone.external_id,
        as_of: gone.as_of,
    });
    let seen: Vec<_> = records.chain(gone).collect();
    record_errors::resolve(conn, place, batch.versions.ties, &seen).await
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    fetched: i64,
    #[diesel(sql_type = BigInt)]
    errors: i64,
    #[diesel(sql_type = Bool)]
    open_errors: bool,
    #[diesel(sql_type = Nullable<Integer>)]
    seq: Option<i32>,
}

/// Counts the batch, notes where to go on, and writes its row of the log.
async fn count(
    conn: &mut AsyncPgConnection,
    batch: &Batch<'_>,
    counts: Counts,
    errors: i64,
) -> Result<Counted, StoreError> {
    let known = batch.versions.records.len() + batch.gone.len();
    let took_ms = i64::try_from(batch.reading.took.as_millis()).unwrap_or(i64::MAX);
    Ok(statement(
        "WITH open AS MATERIALIZED (
             SELECT EXISTS (SELECT FROM record_errors WHERE stream_id = $3 AND resolved_at IS NULL
                                                        AND external_id IS NOT NULL) AS errors
         ), counted AS (
             UPDATE sync_entities SET cursor = next.cursor, complete = (next.cursor IS NULL), fetched = fetched + $6,
                    created = created + $7, updated = updated + $8, unchanged = unchanged + $9,
                    deleted = deleted + $10, errors = sync_entities.errors + $11,
                    retried = retried + CASE WHEN $14 THEN $6 ELSE 0 END,
                    retried_errors = retried_errors + CASE WHEN $14 THEN $11 ELSE 0 END
             FROM (SELECT CASE WHEN open.errors THEN coalesce($5::jsonb, $4::jsonb) ELSE $4::jsonb END AS cursor
                   FROM open) AS next
             WHERE sync_id = $1 AND entity = $2
             RETURNING fetched, sync_entities.errors
         ), logged AS (
             INSERT INTO sync_log (sync_id, seq, entity, requests, read_ms, fetched, created, updated, unchanged, deleted,
                                   errors)
             SELECT $1, coalesce((SELECT max(seq) FROM sync_log WHERE sync_id = $1), 0) + 1, $2, $12, $13,
                    $6, $7, $8, $9, $10, $11
             WHERE $6 + $12 > 0
             RETURNING seq
         ), forgotten AS (
             DELETE FROM seen_records WHERE $15 AND sync_id = $1 AND stream_id = $3
         )
         SELECT counted.fetched, counted.errors, open.errors AS open_errors, (SELECT seq FROM logged) AS seq
         FROM counted, open",
    )
    .bind::<diesel::sql_types::Uuid, _>(batch.sync_id.uuid())
    .bind::<Text, _>(batch.versions.entity)
    .bind::<BigInt, _>(batch.versions.stream_id)
    .bind::<Nullable<Jsonb>, _>(batch.cursor)
    .bind::<Nullable<Jsonb>, _>(batch.retry)
    .bind::<BigInt, _>(rows(known + batch.rejected.len()))
    .bind::<BigInt, _>(counts.created)
    .bind::<BigInt, _>(counts.updated)
    .bind::<BigInt, _>(counts.unchanged)
    .bind::<BigInt, _>(counts.deleted)
    .bind::<BigInt, _>(errors)
    .bind::<BigInt, _>(i64::from(batch.reading.requests))
    .bind::<BigInt, _>(took_ms)
    .bind::<Bool, _>(batch.read == Read::Singly)
    .bind::<Bool, _>(batch.seen == Seen::Forgotten && batch.cursor.is_none())
    .get_result(conn)
    .await?)
}

fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
