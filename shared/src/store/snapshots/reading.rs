//! Reading the records of a part: by page for the API, as a stream for exports.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::{Stream, TryStreamExt};

use super::super::page::probe;
use super::super::statement::statement;
use super::super::{JsonText, Listed, StoreError};
use super::Part;

/// A record of a snapshot.
#[derive(Debug, Clone, QueryableByName)]
pub struct SnapshotRecordRow {
    /// The vendor's id.
    #[diesel(sql_type = Text)]
    pub external_id: String,
    /// Of the payload.
    #[diesel(sql_type = Binary)]
    pub fingerprint: Vec<u8>,
    /// As the vendor sent it.
    #[diesel(sql_type = Jsonb)]
    pub payload: JsonText,
    /// When the vendor says it was created.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub source_created_at: Option<DateTime<Utc>>,
    /// When the vendor says it was last changed.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub source_updated_at: Option<DateTime<Utc>>,
}

/// The bytes are in one of two places; all of it is read as of one instant, so that none is missed on its way.
macro_rules! records_after {
    ($end:literal) => {
        concat!(
            "SELECT s.external_id, s.fingerprint, s.source_created_at, s.source_updated_at, coalesce(
                        (SELECT v.payload FROM record_versions v WHERE v.stream_id = $2
                         AND v.external_id = s.external_id AND v.fingerprint = s.fingerprint),
                        (SELECT r.payload FROM records r WHERE r.stream_id = $2
                         AND r.external_id = s.external_id AND r.fingerprint = s.fingerprint)) AS payload
             FROM snapshot_records s WHERE s.part_no = $1 AND s.external_id > $3 ORDER BY s.external_id ",
            $end
        )
    };
}

/// Records of a part by id, those after `after`.
///
/// # Errors
/// When the database refuses.
pub async fn page(
    conn: &mut AsyncPgConnection,
    part: Part,
    after: &str,
    limit: u16,
) -> Result<Listed<SnapshotRecordRow>, StoreError> {
    let rows = statement(records_after!("LIMIT $4"))
        .bind::<BigInt, _>(part.no)
        .bind::<BigInt, _>(part.stream_id)
        .bind::<Text, _>(after)
        .bind::<BigInt, _>(probe(limit))
        .load(conn)
        .await?;
    Ok(Listed::of(rows, limit))
}

/// All records of a part by id, one at a time.
///
/// # Errors
/// When the database refuses; also while the stream is read.
pub async fn rows(
    conn: &mut AsyncPgConnection,
    part: Part,
) -> Result<impl Stream<Item = Result<SnapshotRecordRow, StoreError>> + Send, StoreError> {
    let rows = statement(records_after!(""))
        .bind::<BigInt, _>(part.no)
        .bind::<BigInt, _>(part.stream_id)
        .bind::<Text, _>("")
        .load_stream::<SnapshotRecordRow>(conn)
        .await?;
    Ok(rows.map_err(StoreError::from))
}
