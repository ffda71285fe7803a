//! Writing what a sync read: records, counts, cursor, all in one transaction under the job's fence.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::{Lease, Store, StoreError, streams};
use crate::domain::{Presence, ReadFrom, SyncId, Ties};
use crate::failpoints::step;

/// Bytes of records in one statement, about.
const STATEMENT_BYTES: usize = 4 * 1024 * 1024;

/// One record as read from the vendor.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// The vendor's id.
    pub external_id: &'a str,
    /// The vendor's JSON.
    pub payload: &'a str,
    /// Its fingerprint.
    pub fingerprint: [u8; 16],
    /// When the vendor says it was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When the vendor says it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// The instant for which the vendor vouched for this version.
    pub as_of: DateTime<Utc>,
    /// Whether it is there or was deleted.
    pub presence: Presence,
}

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
    /// The entity.
    pub entity: &'a str,
    /// The stream of the entity.
    pub stream_id: i64,
    /// The records, in the order they were read.
    pub records: &'a [NewRecord<'a>],
    /// What wins when a record's `as_of` equals the stored one's.
    pub ties: Ties,
    /// What the records were read from.
    pub read_from: ReadFrom,
    /// The records that could not be stored.
    pub rejected: &'a [NewRecordError<'a>],
    /// Where to read on after this batch; `None` when the entity is complete.
    pub cursor: Option<&'a Value>,
    /// From where the next INCREMENTAL reads, where this batch moves it.
    pub checkpoint: Option<&'a Value>,
}

/// What became of a batch's records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// New ones.
    pub created: i64,
    /// Changed ones.
    pub updated: i64,
    /// Those that were as stored, or older than what is stored.
    pub unchanged: i64,
    /// Those the vendor deleted.
    pub deleted: i64,
}

#[derive(QueryableByName)]
struct StoredRow {
    #[diesel(sql_type = Text)]
    external_id: String,
    #[diesel(sql_type = Binary)]
    fingerprint: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    as_of: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    deleted: bool,
}

/// What is known of a record while a batch is sorted: as stored, or as an earlier record of the same batch left it.
struct Known {
    fingerprint: [u8; 16],
    as_of: DateTime<Utc>,
    presence: Presence,
    write: Option<usize>,
    /// Stored as it is, but now vouched for at a later instant.
    touched: bool,
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
    let mut known = probe(conn, batch).await?;
    let counts = sort(batch, &mut known);
    let writes: Vec<&NewRecord<'_>> = known
        .values()
        .filter_map(|known| known.write)
        .map(|at| &batch.records[at])
        .collect();
    for part in parts(&writes) {
        write(conn, batch, part).await?;
    }
    step("the batch's records are written");
    touch(conn, batch, &known).await?;
    if !batch.rejected.is_empty() {
        write_errors(conn, batch).await?;
    }
    count(conn, batch, counts).await?;
    if let Some(checkpoint) = batch.checkpoint {
        streams::move_checkpoint(conn, batch.stream_id, checkpoint).await?;
    }
    step("the batch is about to be committed");
    transaction.commit().await?;
    Ok(counts)
}

/// Asks what is stored of the batch's records. Sending ids and getting fingerprints back is far cheaper than sending
/// bytes that turn out to be known.
async fn probe<'a>(
    conn: &mut AsyncPgConnection,
    batch: &Batch<'a>,
) -> Result<HashMap<&'a str, Known>, StoreError> {
    let mut known = HashMap::with_capacity(batch.records.len());
    let ids: Vec<&str> = batch
        .records
        .iter()
        .map(|record| record.external_id)
        .collect();
    let rows: Vec<StoredRow> = diesel::sql_query(
        "SELECT external_id, fingerprint, as_of, deleted_at IS NOT NULL AS deleted
         FROM records WHERE stream_id = $1 AND external_id = ANY($2)",
    )
    .bind::<BigInt, _>(batch.stream_id)
    .bind::<Array<Text>, _>(&ids)
    .load(conn)
    .await?;
    let mut stored: HashMap<String, StoredRow> = rows
        .into_iter()
        .map(|row| (row.external_id.clone(), row))
        .collect();
    for id in ids {
        if let Some(row) = stored.remove(id) {
            let fingerprint = row.fingerprint.try_into().unwrap_or_default();
            let presence = if row.deleted {
                Presence::Gone
            } else {
                Presence::Here
            };
            known.insert(
                id,
                Known {
                    fingerprint,
                    as_of: row.as_of,
                    presence,
                    write: None,
                    touched: false,
                },
            );
        }
    }
    Ok(known)
}

/// Decides what becomes of each record, one after the other, so that the counts do not depend on where the batch
/// was cut; `known` is left with the one write each id needs.
fn sort<'a>(batch: &Batch<'a>, known: &mut HashMap<&'a str, Known>) -> Counts {
    let mut counts = Counts::default();
    for (at, record) in batch.records.iter().enumerate() {
        let new = Known {
            fingerprint: record.fingerprint,
            as_of: record.as_of,
            presence: record.presence,
            write: Some(at),
            touched: false,
        };
        let Some(before) = known.get_mut(record.external_id) else {
            match record.presence {
                Presence::Here => counts.created += 1,
                // Gone before we ever saw it: written all the same, so that an older version which a feed shows later
                // does not bring it back.
                Presence::Gone => counts.unchanged += 1,
            }
            known.insert(record.external_id, new);
            continue;
        };
        let newer = match batch.ties {
            Ties::TakeNew => record.as_of >= before.as_of,
            Ties::KeepStored => record.as_of > before.as_of,
        };
        if !newer {
            counts.unchanged += 1;
            continue;
        }
        let same = before.presence == record.presence
            && (record.presence == Presence::Gone || before.fingerprint == record.fingerprint);
        if same {
            // A feed goes back in time from here: what it shows later is older than this, though it may be newer than
            // the stored instant.
            counts.unchanged += 1;
            before.as_of = record.as_of;
            before.touched = before.write.is_none();
            before.write = before.write.map(|_| at);
            continue;
        }
        match (before.presence, record.presence) {
            (_, Presence::Gone) => counts.deleted += 1,
            (Presence::Gone, Presence::Here) => counts.created += 1,
            (Presence::Here, Presence::Here) => counts.updated += 1,
        }
        *before = new;
    }
    counts
}

/// Notes the later instants at which a feed vouched for what is stored. A list shows each record once, so nothing older
/// can follow, and its unchanged records are not written at all.
async fn touch(
    conn: &mut AsyncPgConnection,
    batch: &Batch<'_>,
    known: &HashMap<&str, Known>,
) -> Result<(), StoreError> {
    let touched: Vec<(&str, DateTime<Utc>)> = known
        .iter()
        .filter(|(_, known)| known.touched)
        .map(|(id, known)| (*id, known.as_of))
        .collect();
    if batch.read_from == ReadFrom::List || touched.is_empty() {
        return Ok(());
    }
    let (ids, instants): (Vec<&str>, Vec<DateTime<Utc>>) = touched.into_iter().unzip();
    diesel::sql_query(
        "UPDATE records r SET as_of = seen.as_of FROM unnest($2, $3) AS seen (id, as_of)
         WHERE r.stream_id = $1 AND r.external_id = seen.id AND r.as_of < seen.as_of",
    )
    .bind::<BigInt, _>(batch.stream_id)
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Timestamptz>, _>(instants)
    .execute(conn)
    .await?;
    Ok(())
}

/// Cuts writes so that no statement carries much more than [`STATEMENT_BYTES`]: it is held in memory several times over.
fn parts<'a, 'b>(writes: &'a [&'b NewRecord<'b>]) -> Vec<&'a [&'b NewRecord<'b>]> {
    let mut bytes = 0;
    writes
        .chunk_by(|record, _| {
            bytes += record.payload.len();
            let goes_on = bytes < STATEMENT_BYTES;
            if !goes_on {
                bytes = 0;
            }
            goes_on
        })
        .collect()
}

async fn write(
    conn: &mut AsyncPgConnection,
    batch: &Batch<'_>,
    writes: &[&NewRecord<'_>],
) -> Result<(), StoreError> {
    fn column<'a, T>(writes: &[&NewRecord<'a>], of: impl Fn(&NewRecord<'a>) -> T) -> Vec<T> {
        writes.iter().map(|record| of(record)).collect()
    }
    diesel::sql_query(
        "INSERT INTO records (stream_id, sync_id, external_id, payload, fingerprint, source_created_at,
                              source_updated_at, as_of, deleted_at)
         SELECT $1, $2, id, payload::jsonb, fingerprint, created_at, updated_at, as_of, CASE WHEN gone THEN now() END
         FROM unnest($3, $4, $5, $6, $7, $8, $9)
              AS new (id, payload, fingerprint, created_at, updated_at, as_of, gone)
         ON CONFLICT (stream_id, external_id) DO UPDATE SET
              payload = excluded.payload, fingerprint = excluded.fingerprint, sync_id = excluded.sync_id,
              source_created_at = coalesce(excluded.source_created_at, records.source_created_at),
              source_updated_at = excluded.source_updated_at, as_of = excluded.as_of, changed_at = now(),
              deleted_at = excluded.deleted_at",
    )
    .bind::<BigInt, _>(batch.stream_id)
    .bind::<diesel::sql_types::Uuid, _>(batch.sync_id.uuid())
    .bind::<Array<Text>, _>(column(writes, |record| record.external_id))
    .bind::<Array<Text>, _>(column(writes, |record| record.payload))
    .bind::<Array<Binary>, _>(column(writes, |record| record.fingerprint.to_vec()))
    .bind::<Array<Nullable<Timestamptz>>, _>(column(writes, |record| record.created_at))
    .bind::<Array<Nullable<Timestamptz>>, _>(column(writes, |record| record.updated_at))
    .bind::<Array<Timestamptz>, _>(column(writes, |record| record.as_of))
    .bind::<Array<Bool>, _>(column(writes, |record| record.presence == Presence::Gone))
    .execute(conn)
    .await?;
    Ok(())
}

async fn write_errors(conn: &mut AsyncPgConnection, batch: &Batch<'_>) -> Result<(), StoreError> {
    use super::schema::record_errors as table;
    let rows: Vec<_> = batch
        .rejected
        .iter()
        .map(|error| {
            (
                table::sync_id.eq(batch.sync_id.uuid()),
                table::entity.eq(batch.entity),
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
    diesel::sql_query(
        "UPDATE sync_entities SET cursor = $3, complete = ($3 IS NULL), fetched = fetched + $4,
                created = created + $5, updated = updated + $6, unchanged = unchanged + $7,
                deleted = deleted + $8, errors = errors + $9
         WHERE sync_id = $1 AND entity = $2",
    )
    .bind::<diesel::sql_types::Uuid, _>(batch.sync_id.uuid())
    .bind::<Text, _>(batch.entity)
    .bind::<Nullable<Jsonb>, _>(batch.cursor)
    .bind::<BigInt, _>(rows(batch.records.len()) + errors)
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
