//! What a batch writes to a part: which versions it holds, and the bytes of those that are stored nowhere yet.

use std::collections::HashMap;

use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::StoreError;
use super::super::records::known::{self, Known, StoredRow};
use super::super::records::{NewRecord, Upserted, Versions};
use super::super::statement::statement;
use super::versions::{self, release};
use super::{Part, hold};
use crate::domain::Presence;
use crate::failpoints::step;

/// Adds versions to a part. The same record twice keeps the newer version. To be called in a transaction that holds the lease
/// of the part's sync.
pub(in crate::store) async fn write<'a>(
    conn: &mut AsyncPgConnection,
    part: Part,
    read: &Versions<'a>,
) -> Result<Upserted<'a>, StoreError> {
    hold(conn, part.stream_id).await?;
    let (mut known, before) = probe(conn, part, read).await?;
    let counts = known::sort(read, &mut known);
    let mut places: Vec<usize> = known.values().filter_map(|known| known.write).collect();
    places.sort_unstable();
    let writes: Vec<&NewRecord<'a>> = places.into_iter().map(|at| &read.records[at]).collect();
    let (here, gone): (Vec<_>, Vec<_>) = writes
        .into_iter()
        .partition(|record| record.presence == Presence::Here);
    versions::store(conn, part.stream_id, &here).await?;
    refer(conn, part, &here).await?;
    step("the versions of a batch are written to a snapshot");
    forget(conn, part, &gone).await?;
    let replaced: Vec<(String, Vec<u8>)> = here
        .iter()
        .chain(&gone)
        .filter_map(|record| {
            Some((
                record.external_id.to_owned(),
                before.get(record.external_id)?.clone(),
            ))
        })
        .collect();
    release(conn, part.stream_id, &replaced).await?;
    Ok(Upserted {
        counts,
        untouched: Vec::new(),
        change_set: None,
    })
}

/// What the part holds of these records already, and the fingerprints of that.
async fn probe<'a>(
    conn: &mut AsyncPgConnection,
    part: Part,
    read: &Versions<'a>,
) -> Result<(HashMap<&'a str, Known>, HashMap<String, Vec<u8>>), StoreError> {
    let ids: Vec<&str> = read
        .records
        .iter()
        .map(|record| record.external_id)
        .collect();
    let rows: Vec<StoredRow> = statement(
        "SELECT s.* FROM unnest($2) AS wanted (id)
         CROSS JOIN LATERAL (SELECT external_id, fingerprint, as_of, false AS deleted
                             FROM snapshot_records WHERE part_no = $1 AND external_id = wanted.id LIMIT 1) s",
    )
    .bind::<BigInt, _>(part.no)
    .bind::<Array<Text>, _>(ids)
    .load(conn)
    .await?;
    let before = rows
        .iter()
        .map(|row| (row.external_id.clone(), row.fingerprint.clone()))
        .collect();
    Ok((known::of(read, rows), before))
}

async fn refer(
    conn: &mut AsyncPgConnection,
    part: Part,
    here: &[&NewRecord<'_>],
) -> Result<(), StoreError> {
    if here.is_empty() {
        return Ok(());
    }
    fn column<'a, T>(here: &[&NewRecord<'a>], of: impl Fn(&NewRecord<'a>) -> T) -> Vec<T> {
        here.iter().map(|record| of(record)).collect()
    }
    statement(
        "INSERT INTO snapshot_records (part_no, external_id, fingerprint, source_created_at, source_updated_at, as_of)
         SELECT $1, id, fingerprint, created_at, updated_at, as_of
         FROM unnest($2, $3, $4, $5, $6) AS new (id, fingerprint, created_at, updated_at, as_of)
         ON CONFLICT (part_no, external_id) DO UPDATE SET
              fingerprint = excluded.fingerprint, source_created_at = excluded.source_created_at,
              source_updated_at = excluded.source_updated_at, as_of = excluded.as_of",
    )
    .bind::<BigInt, _>(part.no)
    .bind::<Array<Text>, _>(column(here, |record| record.external_id))
    .bind::<Array<Binary>, _>(column(here, |record| record.fingerprint.to_vec()))
    .bind::<Array<Nullable<Timestamptz>>, _>(column(here, |record| record.created_at))
    .bind::<Array<Nullable<Timestamptz>>, _>(column(here, |record| record.updated_at))
    .bind::<Array<Timestamptz>, _>(column(here, |record| record.as_of))
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes out what the vendor says was deleted while the walk went on.
async fn forget(
    conn: &mut AsyncPgConnection,
    part: Part,
    gone: &[&NewRecord<'_>],
) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = gone.iter().map(|record| record.external_id).collect();
    statement(
        "DELETE FROM snapshot_records WHERE ctid = ANY(ARRAY(
             SELECT s.place FROM unnest($2) AS gone (id)
             CROSS JOIN LATERAL (SELECT ctid AS place FROM snapshot_records
                                 WHERE part_no = $1 AND external_id = gone.id LIMIT 1) s))",
    )
    .bind::<BigInt, _>(part.no)
    .bind::<Array<Text>, _>(ids)
    .execute(conn)
    .await?;
    Ok(())
}
