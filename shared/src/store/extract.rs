//! Reading whole entities, for exports: a stream of rows under the caller's view, payloads left as text.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::{Stream, TryStreamExt};

use super::exports::ExportRow;
use super::filter::{Clause, Query};
use super::snapshots::{self, Part};
use super::{StoreError, runs, streams};
use crate::domain::{Filter, TenantId};

/// A record as an export reads it.
#[derive(Debug, Clone, QueryableByName)]
pub struct ExtractedRow {
    /// The vendor's id.
    #[diesel(sql_type = Text)]
    pub external_id: String,
    /// A JSON object, as text.
    #[diesel(sql_type = Text)]
    pub payload: String,
}

/// Where the records of an entity are read.
#[derive(Debug, Clone)]
pub enum Source {
    /// Those of these streams that are there now.
    Current(Vec<i64>),
    /// Those of these streams that changed after the change of this number, deleted ones too: each tells by a member
    /// `_deleted` whether it is gone. After 0, where nobody knows of any yet, only those that are there.
    Changed(Vec<i64>, i64),
    /// Those that a part of a snapshot holds.
    Snapshot(Part),
}

impl Source {
    /// What `r` is, by the parameters $1 and $2.
    const fn sql(&self) -> &'static str {
        match self {
            Self::Current(_) => {
                "(SELECT * FROM records WHERE stream_id = ANY($1) AND $2 = 0 AND deleted_at IS NULL) r"
            }
            Self::Changed(..) => {
                "(SELECT r.stream_id, r.external_id, r.source_created_at, r.source_updated_at,
                         r.payload || jsonb_build_object('_deleted', r.deleted_at IS NOT NULL) AS payload
                  FROM change_sets c JOIN records r ON r.change_set = c.id
                  WHERE c.stream_id = ANY($1) AND c.seq > $2 AND ($2 > 0 OR r.deleted_at IS NULL)) r"
            }
            Self::Snapshot(_) => {
                "(SELECT i.stream_id, s.external_id, s.source_created_at, s.source_updated_at, coalesce(
                             (SELECT v.payload FROM record_versions v WHERE v.stream_id = i.stream_id
                              AND v.external_id = s.external_id AND v.fingerprint = s.fingerprint),
                             (SELECT r.payload FROM records r WHERE r.stream_id = i.stream_id
                              AND r.external_id = s.external_id AND r.fingerprint = s.fingerprint)) AS payload
                  FROM unnest($1) AS i (stream_id) JOIN snapshot_records s ON s.part_no = $2) r"
            }
        }
    }

    /// A query of those of its records that the filter takes: `ask` puts what is asked around the text of where they are.
    fn query(&self, filter: Option<&Filter>, ask: impl FnOnce(&str) -> String) -> Query {
        let (streams, number) = match self {
            Self::Current(streams) => (streams.clone(), 0),
            Self::Changed(streams, after) => (streams.clone(), *after),
            Self::Snapshot(part) => (vec![part.stream_id], part.no),
        };
        let clause = Clause::of(filter, FIRST_OF_FILTER);
        let taken = format!("{} WHERE {}", self.sql(), clause.sql());
        let query = diesel::sql_query(ask(&taken))
            .into_boxed()
            .bind::<Array<BigInt>, _>(streams)
            .bind::<BigInt, _>(number);
        clause.bind(query)
    }
}

/// The first parameter of a filter.
const FIRST_OF_FILTER: usize = 3;

/// Where an export reads its entities, each under the caller's view: `None` for one that its snapshot does not hold, and
/// for all when the snapshot is gone.
///
/// # Errors
/// When the database refuses.
pub async fn sources(
    conn: &mut AsyncPgConnection,
    export: &ExportRow,
) -> Result<Vec<(String, Option<Source>)>, StoreError> {
    let snapshot = match export.snapshot_id {
        Some(id) => Some(snapshots::find(conn, export.tenant_id, None, id.into()).await?),
        None => None,
    };
    let since = match export.incremental {
        true => runs::marks(conn, export.id).await?,
        false => BTreeMap::new(),
    };
    let mut sources = Vec::with_capacity(export.entities.len());
    for entity in &export.entities {
        let source = match &snapshot {
            Some(snapshot) => {
                let mut parts = snapshot.iter().flat_map(|snapshot| &snapshot.parts);
                let part = parts.find(|part| part.entity == *entity);
                part.map(|part| Source::Snapshot(part.part()))
            }
            None => {
                let streams = streams::holding(conn, export.tenant_id, entity, None).await?;
                Some(match export.incremental {
                    true => Source::Changed(streams, since.get(entity).copied().unwrap_or(0)),
                    false => Source::Current(streams),
                })
            }
        };
        sources.push((entity.clone(), source));
    }
    Ok(sources)
}

/// How many records tell what to expect of the others.
const FIRST_RECORDS: u32 = 1_000;

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    key: String,
}

/// Every key that any payload has at its top level, sorted; of very many the first `limit`. Records of one entity mostly
/// have the keys that the first ones have, so those are taken away from each before its keys are listed: to list all would
/// take longer than the export.
///
/// # Errors
/// When the database refuses.
pub async fn keys(
    conn: &mut AsyncPgConnection,
    source: &Source,
    filter: Option<&Filter>,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let query = source.query(filter, |taken| {
        format!(
            "WITH known AS MATERIALIZED (
                 SELECT coalesce(array_agg(DISTINCT key), '{{}}') AS keys
                 FROM (SELECT jsonb_object_keys(few.payload) AS key
                       FROM (SELECT r.payload FROM {taken} LIMIT {FIRST_RECORDS}) few) named
             )
             SELECT key COLLATE \"C\" AS key FROM (
                 SELECT unnest(keys) AS key FROM known
                 UNION
                 SELECT jsonb_object_keys(all_of_them.payload - (SELECT keys FROM known))
                 FROM (SELECT r.payload FROM {taken}) all_of_them
                 WHERE all_of_them.payload - (SELECT keys FROM known) <> '{{}}'
             ) named ORDER BY 1 LIMIT {limit}"
        )
    });
    let rows: Vec<KeyRow> = query.load(conn).await?;
    Ok(rows.into_iter().map(|row| row.key).collect())
}

/// The records of a source, by stream and id, one at a time. They become text after they are in order (`OFFSET 0` keeps
/// that apart): Postgres takes a text for short, and would sort a million of them rather than follow the index.
///
/// # Errors
/// When the database refuses; also while the stream is read.
pub async fn rows<'conn>(
    conn: &'conn mut AsyncPgConnection,
    source: &Source,
    filter: Option<&Filter>,
) -> Result<impl Stream<Item = Result<ExtractedRow, StoreError>> + Send + 'conn, StoreError> {
    let query = source.query(filter, |taken| {
        format!(
            "SELECT external_id, payload::text AS payload FROM (
                 SELECT r.stream_id, r.external_id, r.payload FROM {taken}
                 ORDER BY r.stream_id, r.external_id OFFSET 0
             ) AS in_order ORDER BY stream_id, external_id"
        )
    });
    let rows = query.load_stream::<ExtractedRow>(conn).await?;
    Ok(rows.map_err(StoreError::from))
}

/// Some of the first records of a source and some of the last ones.
///
/// # Errors
/// When the database refuses; also while the stream is read.
pub async fn ends<'conn>(
    conn: &'conn mut AsyncPgConnection,
    source: &Source,
    filter: Option<&Filter>,
) -> Result<impl Stream<Item = Result<ExtractedRow, StoreError>> + Send + 'conn, StoreError> {
    let query = source.query(filter, |taken| {
        format!(
            "SELECT external_id, payload::text AS payload FROM (
                 (SELECT r.external_id, r.payload FROM {taken}
                  ORDER BY r.stream_id, r.external_id LIMIT {FIRST_RECORDS})
                 UNION ALL
                 (SELECT r.external_id, r.payload FROM {taken}
                  ORDER BY r.stream_id DESC, r.external_id DESC LIMIT {FIRST_RECORDS})
             ) AS few"
        )
    });
    let rows = query.load_stream::<ExtractedRow>(conn).await?;
    Ok(rows.map_err(StoreError::from))
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many records a source has.
///
/// # Errors
/// When the database refuses.
pub async fn count(
    conn: &mut AsyncPgConnection,
    source: &Source,
    filter: Option<&Filter>,
) -> Result<u64, StoreError> {
    let query = source.query(filter, |taken| {
        format!("SELECT count(*) AS count FROM {taken}")
    });
    let row: CountRow = query.get_result(conn).await?;
    Ok(row.count.unsigned_abs())
}

#[derive(QueryableByName)]
struct PlanRow {
    #[diesel(sql_type = diesel::sql_types::Json, column_name = "QUERY PLAN")]
    plan: serde_json::Value,
}

/// About how many records a source has, as Postgres guesses before it looks: in no time, however many there are.
///
/// # Errors
/// When the database refuses.
pub async fn estimate(
    conn: &mut AsyncPgConnection,
    source: &Source,
    filter: Option<&Filter>,
) -> Result<u64, StoreError> {
    let query = source.query(filter, |taken| {
        format!("EXPLAIN (FORMAT JSON) SELECT FROM {taken}")
    });
    let row: PlanRow = query.get_result(conn).await?;
    let rows = row.plan.pointer("/0/Plan/Plan Rows");
    Ok(rows.and_then(serde_json::Value::as_u64).unwrap_or(0))
}

/// The number of the last change of an entity, as of the caller's view; 0 before the first.
///
/// # Errors
/// When the database refuses.
pub async fn last_change(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
) -> Result<i64, StoreError> {
    let row: CountRow = diesel::sql_query(
        "SELECT coalesce(max(last_seq), 0) AS count FROM change_counters WHERE tenant_id = $1 AND entity = $2",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Text, _>(entity)
    .get_result(conn)
    .await?;
    Ok(row.count)
}
