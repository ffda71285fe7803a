//! Reading records, for the API: by page, or one.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::filter::Clause;
use super::page::probe;
use super::statement::statement;
use super::{JsonText, Listed, StoreError};
use crate::domain::{ConnectionId, Filter, TenantId};

/// A record as the API shows it.
#[derive(Debug, Clone, QueryableByName)]
pub struct RecordRow {
    /// Its stream: part of the order of the list.
    #[diesel(sql_type = BigInt)]
    pub stream_id: i64,
    /// The vendor's id.
    #[diesel(sql_type = Text)]
    pub external_id: String,
    /// On which connection; `None` for the platform's own.
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    pub connection_id: Option<Uuid>,
    /// As the vendor sent it.
    #[diesel(sql_type = diesel::sql_types::Jsonb)]
    pub payload: JsonText,
    /// When the vendor says it was created.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub source_created_at: Option<DateTime<Utc>>,
    /// When the vendor says it was changed.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub source_updated_at: Option<DateTime<Utc>>,
    /// The sync that last changed it here; `None` for what the tenant puts in itself.
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    pub sync_id: Option<Uuid>,
    /// When it was last changed here.
    #[diesel(sql_type = Timestamptz)]
    pub changed_at: DateTime<Utc>,
    /// When it was found gone.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub deleted_at: Option<DateTime<Utc>>,
}

/// Which records a list shows.
#[derive(Debug, Clone, Default)]
pub struct RecordAsk {
    /// Of this connection only.
    pub connection_id: Option<ConnectionId>,
    /// Changed here at or after this instant.
    pub updated_since: Option<DateTime<Utc>>,
    /// Whether those found gone are shown too.
    pub deleted: Deleted,
    /// Only those it takes.
    pub filter: Option<Filter>,
    /// Only after this place.
    pub after: Option<(i64, String)>,
    /// At most so many.
    pub limit: u16,
}

/// Whether tombstones are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deleted {
    /// They are left out.
    #[default]
    Hidden,
    /// They are shown.
    Shown,
}

/// A list, stream by stream and within each by id: what follows the limit is not looked at, however many connections and
/// records there are.
macro_rules! list {
    ($filter:literal) => {
        concat!(
            "SELECT page.*, c.sync_id
             FROM (
                 SELECT s.connection_id, r.*
                 FROM (SELECT id, connection_id FROM streams
                       WHERE tenant_id = $1 AND entity = $2 AND ($3::uuid IS NULL OR connection_id = $3) AND id >= $4
                       ORDER BY id) s
                 CROSS JOIN LATERAL (
                     SELECT stream_id, external_id, payload, source_created_at, source_updated_at, changed_at, deleted_at,
                            change_set
                     FROM records r
                     WHERE stream_id = s.id AND external_id > CASE WHEN s.id = $4 THEN $5 ELSE '' END
                       AND ($6::timestamptz IS NULL OR changed_at >= $6) AND ($7 OR deleted_at IS NULL) AND ",
            $filter,
            "    ORDER BY external_id LIMIT $8
                 ) r
                 ORDER BY s.id, r.external_id LIMIT $8
             ) page
             LEFT JOIN change_sets c ON c.id = page.change_set
             ORDER BY page.stream_id, page.external_id"
        )
    };
}
/// The first parameter of a filter.
const FIRST_OF_FILTER: usize = 9;

/// Records of an entity by (stream, external id).
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    ask: &RecordAsk,
) -> Result<Listed<RecordRow>, StoreError> {
    let (after_stream, after_id) = match &ask.after {
        Some((stream, id)) => (*stream, id.as_str()),
        None => (0, ""),
    };
    let connection = ask.connection_id.map(ConnectionId::uuid);
    let shown = ask.deleted == Deleted::Shown;
    let limit = probe(ask.limit);
    let Some(filter) = &ask.filter else {
        let rows = statement(list!("true"))
            .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
            .bind::<Text, _>(entity)
            .bind::<Nullable<diesel::sql_types::Uuid>, _>(connection)
            .bind::<BigInt, _>(after_stream)
            .bind::<Text, _>(after_id)
            .bind::<Nullable<Timestamptz>, _>(ask.updated_since)
            .bind::<Bool, _>(shown)
            .bind::<BigInt, _>(limit)
            .load(conn)
            .await?;
        return Ok(Listed::of(rows, ask.limit));
    };
    let clause = Clause::of(Some(filter), FIRST_OF_FILTER);
    let query = diesel::sql_query(format!(list!("{}"), clause.sql()))
        .into_boxed()
        .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
        .bind::<Text, _>(entity.to_owned())
        .bind::<Nullable<diesel::sql_types::Uuid>, _>(connection)
        .bind::<BigInt, _>(after_stream)
        .bind::<Text, _>(after_id.to_owned())
        .bind::<Nullable<Timestamptz>, _>(ask.updated_since)
        .bind::<Bool, _>(shown)
        .bind::<BigInt, _>(limit);
    let rows = clause.bind(query).load(conn).await?;
    Ok(Listed::of(rows, ask.limit))
}

/// One record, be it there or a tombstone: of a connection, or of the tenant's own without one.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    connection: Option<ConnectionId>,
    external_id: &str,
) -> Result<Option<RecordRow>, StoreError> {
    Ok(statement(
        "SELECT s.connection_id, r.*, c.sync_id
         FROM streams s
         JOIN records r ON r.stream_id = s.id AND r.external_id = $4
         LEFT JOIN change_sets c ON c.id = r.change_set
         WHERE s.tenant_id = $1 AND s.entity = $2 AND s.connection_id IS NOT DISTINCT FROM $3",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Text, _>(entity)
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(connection.map(ConnectionId::uuid))
    .bind::<Text, _>(external_id)
    .get_result(conn)
    .await
    .optional()?)
}
