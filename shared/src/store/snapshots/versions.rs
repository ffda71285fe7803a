//! The bytes of versions: stored once, kept when they cease to be current, released when no snapshot holds them any more.
//!
//! The statements are written so that there is one way to run them, by key: a plan that was made while the tables were small
//! would otherwise read a whole stream for each batch.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::StoreError;
use super::super::records::{NewRecord, parts};
use super::super::statement::statement;
use super::hold;

#[derive(QueryableByName)]
struct MissingRow {
    #[diesel(sql_type = Text)]
    external_id: String,
}

/// Stores the bytes of those versions that are neither current (or the last of a deleted record) nor held by an earlier
/// snapshot. Asking by id and fingerprint is far cheaper than sending bytes that turn out to be known.
pub(super) async fn store(
    conn: &mut AsyncPgConnection,
    stream: i64,
    versions: &[&NewRecord<'_>],
) -> Result<(), StoreError> {
    if versions.is_empty() {
        return Ok(());
    }
    let (ids, fingerprints) = pairs(versions);
    let missing: Vec<MissingRow> = statement(
        "SELECT external_id FROM unnest($2, $3) AS new (external_id, fingerprint)
         WHERE (SELECT true FROM records r WHERE r.stream_id = $1 AND r.external_id = new.external_id
                AND r.fingerprint = new.fingerprint) IS NULL
           AND (SELECT true FROM record_versions v WHERE v.stream_id = $1 AND v.external_id = new.external_id
                AND v.fingerprint = new.fingerprint) IS NULL",
    )
    .bind::<BigInt, _>(stream)
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Binary>, _>(fingerprints)
    .load(conn)
    .await?;
    let missing: HashSet<String> = missing.into_iter().map(|row| row.external_id).collect();
    let missing: Vec<&NewRecord<'_>> = versions
        .iter()
        .copied()
        .filter(|record| missing.contains(record.external_id))
        .collect();
    for part in parts(&missing) {
        insert(conn, stream, part).await?;
    }
    Ok(())
}

async fn insert(
    conn: &mut AsyncPgConnection,
    stream: i64,
    versions: &[&NewRecord<'_>],
) -> Result<(), StoreError> {
    let (ids, fingerprints) = pairs(versions);
    let payloads: Vec<&str> = versions.iter().map(|record| record.payload).collect();
    statement(
        "INSERT INTO record_versions (stream_id, external_id, fingerprint, payload)
         SELECT $1, id, fingerprint, payload::jsonb FROM unnest($2, $3, $4) AS new (id, fingerprint, payload)
         ON CONFLICT DO NOTHING",
    )
    .bind::<BigInt, _>(stream)
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Binary>, _>(fingerprints)
    .bind::<Array<Text>, _>(payloads)
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes way for versions that are about to become current: those that they overwrite are kept where a snapshot holds them,
/// and those that become current need not be stored a second time. Only for a stream that has snapshots: for each record it
/// looks into the stream's snapshots until one is found that holds it.
pub(in crate::store) async fn make_way(
    conn: &mut AsyncPgConnection,
    stream: i64,
    versions: &[&NewRecord<'_>],
) -> Result<(), StoreError> {
    hold(conn, stream).await?;
    let (ids, fingerprints) = pairs(versions);
    statement(
        "INSERT INTO record_versions (stream_id, external_id, fingerprint, payload)
         SELECT $1, new.id, r.fingerprint, r.payload
         FROM unnest($2, $3) AS new (id, fingerprint)
         CROSS JOIN LATERAL (SELECT fingerprint, payload FROM records
                             WHERE stream_id = $1 AND external_id = new.id LIMIT 1) r
         WHERE r.fingerprint <> new.fingerprint
           AND (SELECT true FROM snapshot_parts p, LATERAL (
                    SELECT FROM snapshot_records s WHERE s.part_no = p.no AND s.external_id = new.id
                    AND s.fingerprint = r.fingerprint LIMIT 1) held
                WHERE p.stream_id = $1 LIMIT 1)
         ON CONFLICT DO NOTHING",
    )
    .bind::<BigInt, _>(stream)
    .bind::<Array<Text>, _>(ids.clone())
    .bind::<Array<Binary>, _>(fingerprints.clone())
    .execute(conn)
    .await?;
    statement(
        "DELETE FROM record_versions WHERE ctid = ANY(ARRAY(
             SELECT v.place FROM unnest($2, $3) AS new (id, fingerprint)
             CROSS JOIN LATERAL (SELECT ctid AS place FROM record_versions
                                 WHERE stream_id = $1 AND external_id = new.id AND fingerprint = new.fingerprint LIMIT 1) v))",
    )
    .bind::<BigInt, _>(stream)
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Binary>, _>(fingerprints)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes those of these versions that no snapshot holds any more. The stream must be [held](super::hold).
pub(super) async fn release(
    conn: &mut AsyncPgConnection,
    stream: i64,
    versions: &[(String, Vec<u8>)],
) -> Result<(), StoreError> {
    if versions.is_empty() {
        return Ok(());
    }
    let (ids, fingerprints): (Vec<&str>, Vec<&[u8]>) = versions
        .iter()
        .map(|(id, fingerprint)| (id.as_str(), fingerprint.as_slice()))
        .unzip();
    statement(
        "DELETE FROM record_versions WHERE ctid = ANY(ARRAY(
             SELECT v.place FROM unnest($2, $3) AS old (id, fingerprint)
             CROSS JOIN LATERAL (SELECT ctid AS place FROM record_versions
                                 WHERE stream_id = $1 AND external_id = old.id AND fingerprint = old.fingerprint LIMIT 1) v
             WHERE (SELECT true FROM snapshot_parts p, LATERAL (
                        SELECT FROM snapshot_records s WHERE s.part_no = p.no AND s.external_id = old.id
                        AND s.fingerprint = old.fingerprint LIMIT 1) held
                    WHERE p.stream_id = $1 LIMIT 1) IS NULL))",
    )
    .bind::<BigInt, _>(stream)
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Binary>, _>(fingerprints)
    .execute(conn)
    .await?;
    Ok(())
}

fn pairs<'a>(versions: &[&NewRecord<'a>]) -> (Vec<&'a str>, Vec<Vec<u8>>) {
    versions
        .iter()
        .map(|record| (record.external_id, record.fingerprint.to_vec()))
        .unzip()
}
