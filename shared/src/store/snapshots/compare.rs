//! What changed from one part to another of the same entity.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Jsonb, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::page::probe;
use super::super::statement::statement;
use super::super::{JsonText, Listed, StoreError};
use super::Part;

/// How many records differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub struct Differences {
    /// Only in the later part.
    #[diesel(sql_type = BigInt)]
    pub added: i64,
    /// In both, not the same.
    #[diesel(sql_type = BigInt)]
    pub changed: i64,
    /// Only in the earlier part.
    #[diesel(sql_type = BigInt)]
    pub removed: i64,
    /// In both, the same.
    #[diesel(sql_type = BigInt)]
    pub unchanged: i64,
}

/// A record that differs: what each part holds of it, or nothing.
#[derive(Debug, Clone, QueryableByName)]
pub struct DifferenceRow {
    /// The vendor's id.
    #[diesel(sql_type = Text)]
    pub external_id: String,
    /// In the earlier part.
    #[diesel(sql_type = Nullable<Binary>)]
    pub fingerprint_before: Option<Vec<u8>>,
    /// The payload there.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub payload_before: Option<JsonText>,
    /// In the later part.
    #[diesel(sql_type = Nullable<Binary>)]
    pub fingerprint_after: Option<Vec<u8>>,
    /// The payload there.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub payload_after: Option<JsonText>,
}

/// Counts what differs, by reading both parts whole: in a [view](super::super::Store::view), where whole tables are compared.
///
/// # Errors
/// When the database refuses.
pub async fn count_differences(
    conn: &mut AsyncPgConnection,
    before: Part,
    after: Part,
) -> Result<Differences, StoreError> {
    Ok(statement(
        "SELECT count(*) FILTER (WHERE a.fingerprint IS NULL) AS added,
                count(*) FILTER (WHERE a.fingerprint <> b.fingerprint) AS changed,
                count(*) FILTER (WHERE b.fingerprint IS NULL) AS removed,
                count(*) FILTER (WHERE a.fingerprint = b.fingerprint) AS unchanged
         FROM (SELECT external_id, fingerprint FROM snapshot_records WHERE part_no = $1) a
         FULL JOIN (SELECT external_id, fingerprint FROM snapshot_records WHERE part_no = $2) b USING (external_id)",
    )
    .bind::<BigInt, _>(before.no)
    .bind::<BigInt, _>(after.no)
    .get_result(conn)
    .await?)
}

/// What differs by id, after `after_id`. Each side is read in the order of its key
/// until enough is found.
///
/// # Errors
/// When the database refuses.
pub async fn differences(
    conn: &mut AsyncPgConnection,
    before: Part,
    after: Part,
    after_id: &str,
    limit: u16,
) -> Result<Listed<DifferenceRow>, StoreError> {
    let rows = statement(
        "WITH differing AS (
             (SELECT a.external_id, a.fingerprint AS fingerprint_before, b.fingerprint AS fingerprint_after
              FROM snapshot_records a
              LEFT JOIN LATERAL (SELECT fingerprint FROM snapshot_records
                                 WHERE part_no = $2 AND external_id = a.external_id LIMIT 1) b ON true
              WHERE a.part_no = $1 AND a.external_id > $4 AND a.fingerprint IS DISTINCT FROM b.fingerprint
              ORDER BY a.external_id LIMIT $5)
             UNION ALL
             (SELECT b.external_id, NULL, b.fingerprint FROM snapshot_records b
              WHERE b.part_no = $2 AND b.external_id > $4
                AND (SELECT true FROM snapshot_records a
                     WHERE a.part_no = $1 AND a.external_id = b.external_id) IS NULL
              ORDER BY b.external_id LIMIT $5)
             ORDER BY external_id LIMIT $5
         )
         SELECT d.external_id, d.fingerprint_before, d.fingerprint_after,
                coalesce((SELECT v.payload FROM record_versions v WHERE v.stream_id = $3
                          AND v.external_id = d.external_id AND v.fingerprint = d.fingerprint_before),
                         (SELECT r.payload FROM records r WHERE r.stream_id = $3
                          AND r.external_id = d.external_id AND r.fingerprint = d.fingerprint_before)) AS payload_before,
                coalesce((SELECT v.payload FROM record_versions v WHERE v.stream_id = $3
                          AND v.external_id = d.external_id AND v.fingerprint = d.fingerprint_after),
                         (SELECT r.payload FROM records r WHERE r.stream_id = $3
                          AND r.external_id = d.external_id AND r.fingerprint = d.fingerprint_after)) AS payload_after
         FROM differing d ORDER BY d.external_id",
    )
    .bind::<BigInt, _>(before.no)
    .bind::<BigInt, _>(after.no)
    .bind::<BigInt, _>(after.stream_id)
    .bind::<Text, _>(after_id)
    .bind::<BigInt, _>(probe(limit))
    .load(conn)
    .await?;
    Ok(Listed::of(rows, limit))
}
