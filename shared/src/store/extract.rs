//! Reading whole entities, for exports: a stream of rows under the caller's view, payloads left as text.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::{Stream, TryStreamExt};

use super::StoreError;
use super::filter::Clause;
use crate::domain::Filter;

/// A record as an export reads it.
#[derive(Debug, Clone, QueryableByName)]
pub struct ExtractedRow {
    /// The vendor's id.
    #[diesel(sql_type = Text)]
    pub external_id: String,
    /// A JSON object, as text.
    #[diesel(sql_type = Text)]
    pub payload: String,
    /// When the vendor says it was created.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub source_created_at: Option<DateTime<Utc>>,
    /// When the vendor says it was changed.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub source_updated_at: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    key: String,
}

/// Every key that any payload has at its top level, sorted. Records of one entity share a few sets of keys, so the sets
/// are told apart first: sorting every key of every record would take longer than the export.
///
/// # Errors
/// When the database refuses.
pub async fn keys(
    conn: &mut AsyncPgConnection,
    streams: &[i64],
    filter: Option<&Filter>,
) -> Result<Vec<String>, StoreError> {
    let clause = Clause::of(filter, 2);
    let sql = format!(
        "SELECT DISTINCT unnest(keys) COLLATE \"C\" AS key FROM (
             SELECT DISTINCT ARRAY(SELECT jsonb_object_keys(r.payload)) AS keys FROM records r
             WHERE r.stream_id = ANY($1) AND r.deleted_at IS NULL AND {}
         ) AS shapes ORDER BY 1",
        clause.sql()
    );
    let query = diesel::sql_query(sql)
        .into_boxed()
        .bind::<Array<BigInt>, _>(streams.to_vec());
    let rows: Vec<KeyRow> = clause.bind(query).load(conn).await?;
    Ok(rows.into_iter().map(|row| row.key).collect())
}

/// The records of these streams that are there, by stream and id, one at a time.
///
/// # Errors
/// When the database refuses; also while the stream is read.
pub async fn rows<'conn>(
    conn: &'conn mut AsyncPgConnection,
    streams: &[i64],
    filter: Option<&Filter>,
) -> Result<impl Stream<Item = Result<ExtractedRow, StoreError>> + Send + 'conn, StoreError> {
    let clause = Clause::of(filter, 2);
    let sql = format!(
        "SELECT external_id, payload::text AS payload, source_created_at, source_updated_at FROM records r
         WHERE r.stream_id = ANY($1) AND r.deleted_at IS NULL AND {} ORDER BY r.stream_id, r.external_id",
        clause.sql()
    );
    let query = diesel::sql_query(sql)
        .into_boxed()
        .bind::<Array<BigInt>, _>(streams.to_vec());
    let rows = clause.bind(query).load_stream::<ExtractedRow>(conn).await?;
    Ok(rows.map_err(StoreError::from))
}
