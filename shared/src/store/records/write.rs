//! The statements that write records. Those about many ids find each by its key, and write it where it was found: whatever
//! was known of the tables when a session planned them, there is no other way to run them. A stream has one writer at a
//! time, so what was found stays where it is.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::change_sets::{self, ChangeSet};
use super::super::statement::statement;
use super::super::{StoreError, snapshots};
use super::known::Known;
use super::{Gone, NewRecord, Upserted, Versions};
use crate::domain::{Presence, ReadFrom};

/// Bytes of records in one statement, about.
const STATEMENT_BYTES: usize = 4 * 1024 * 1024;

/// Writes records, all of them as one change set, which is still to be closed; `None` when there are none.
pub(super) async fn records(
    conn: &mut AsyncPgConnection,
    versions: &Versions<'_>,
    writes: &[&NewRecord<'_>],
) -> Result<Option<ChangeSet>, StoreError> {
    if writes.is_empty() {
        return Ok(None);
    }
    let change_set = open(conn, versions).await?;
    if change_set.has_snapshots {
        snapshots::make_way(conn, versions.stream_id, writes).await?;
    }
    for part in parts(writes) {
        write(conn, &change_set, part).await?;
    }
    Ok(Some(change_set))
}

async fn open(
    conn: &mut AsyncPgConnection,
    versions: &Versions<'_>,
) -> Result<ChangeSet, StoreError> {
    let Versions {
        tenant_id,
        entity,
        stream_id,
        sync_id,
        ..
    } = *versions;
    change_sets::open(conn, tenant_id, entity, stream_id, sync_id).await
}

/// Notes the later instants at which a feed vouched for what is stored. A list shows each record once, so nothing older
/// can follow, and its unchanged records are not written at all.
pub(super) async fn instants(
    conn: &mut AsyncPgConnection,
    versions: &Versions<'_>,
    known: &HashMap<&str, Known>,
) -> Result<(), StoreError> {
    let touched: Vec<(&str, DateTime<Utc>)> = known
        .iter()
        .filter(|(_, known)| known.touched)
        .map(|(id, known)| (*id, known.as_of))
        .collect();
    if versions.read_from == ReadFrom::List || touched.is_empty() {
        return Ok(());
    }
    let (ids, instants): (Vec<&str>, Vec<DateTime<Utc>>) = touched.into_iter().unzip();
    statement(
        "WITH found AS MATERIALIZED (
             SELECT r.place, seen.as_of FROM unnest($2, $3) AS seen (id, as_of)
             CROSS JOIN LATERAL (SELECT ctid AS place FROM records
                                 WHERE stream_id = $1 AND external_id = seen.id AND records.as_of < seen.as_of LIMIT 1) r
         )
         UPDATE records SET as_of = found.as_of FROM found WHERE records.ctid = found.place",
    )
    .bind::<BigInt, _>(versions.stream_id)
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Timestamptz>, _>(instants)
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes records that the vendor was asked for and does not have, as part of the change set of `upserted`. What is stored
/// of them stays readable.
pub(super) async fn tombstones(
    conn: &mut AsyncPgConnection,
    versions: &Versions<'_>,
    gone: &[Gone<'_>],
    upserted: &mut Upserted<'_>,
) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    let opened = upserted.change_set.take();
    let written = opened.is_some();
    let change_set = match opened {
        Some(change_set) => change_set,
        None => open(conn, versions).await?,
    };
    let (ids, instants): (Vec<&str>, Vec<DateTime<Utc>>) = gone
        .iter()
        .map(|gone| (gone.external_id, gone.as_of))
        .unzip();
    let deleted = statement(
        "WITH found AS MATERIALIZED (
             SELECT r.place, gone.as_of FROM unnest($3, $4) AS gone (id, as_of)
             CROSS JOIN LATERAL (SELECT ctid AS place FROM records
                                 WHERE stream_id = $1 AND external_id = gone.id AND deleted_at IS NULL
                                   AND records.as_of <= gone.as_of LIMIT 1) r
         )
         UPDATE records SET deleted_at = now(), changed_at = now(), change_set = $2, as_of = found.as_of
         FROM found WHERE records.ctid = found.place",
    )
    .bind::<BigInt, _>(versions.stream_id)
    .bind::<BigInt, _>(change_set.id)
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Timestamptz>, _>(instants)
    .execute(conn)
    .await?;
    let deleted = i64::try_from(deleted).unwrap_or(i64::MAX);
    upserted.counts.deleted += deleted;
    upserted.counts.unchanged += i64::try_from(gone.len()).unwrap_or(i64::MAX) - deleted;
    // Nothing follows a change set that changed nothing.
    upserted.change_set = (written || deleted > 0).then_some(change_set);
    Ok(())
}

/// Cuts writes so that no statement carries much more than [`STATEMENT_BYTES`]: it is held in memory several times over.
pub(in crate::store) fn parts<'a, 'b>(
    writes: &'a [&'b NewRecord<'b>],
) -> Vec<&'a [&'b NewRecord<'b>]> {
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
    change_set: &ChangeSet,
    writes: &[&NewRecord<'_>],
) -> Result<(), StoreError> {
    fn column<'a, T>(writes: &[&NewRecord<'a>], of: impl Fn(&NewRecord<'a>) -> T) -> Vec<T> {
        writes.iter().map(|record| of(record)).collect()
    }
    statement(
        "INSERT INTO records (stream_id, change_set, first_change_set, external_id, payload, fingerprint,
                              source_created_at, source_updated_at, as_of, deleted_at)
         SELECT $1, $2, $2, id, payload::jsonb, fingerprint, created_at, updated_at, as_of, CASE WHEN gone THEN now() END
         FROM unnest($3, $4, $5, $6, $7, $8, $9)
              AS new (id, payload, fingerprint, created_at, updated_at, as_of, gone)
         ON CONFLICT (stream_id, external_id) DO UPDATE SET
              payload = excluded.payload, fingerprint = excluded.fingerprint, change_set = excluded.change_set,
              first_change_set = CASE WHEN records.deleted_at IS NULL THEN records.first_change_set
                                      ELSE excluded.change_set END,
              source_created_at = coalesce(excluded.source_created_at, records.source_created_at),
              source_updated_at = excluded.source_updated_at, as_of = excluded.as_of, changed_at = now(),
              deleted_at = excluded.deleted_at",
    )
    .bind::<BigInt, _>(change_set.stream_id)
    .bind::<BigInt, _>(change_set.id)
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
