//! Reading records by page, for the API.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{JsonText, StoreError};
use crate::domain::{ConnectionId, TenantId};

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
    /// When a sync last changed it here.
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

/// Records of an entity by (stream, external id); one more than asked for where there are more.
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    ask: &RecordAsk,
) -> Result<Vec<RecordRow>, StoreError> {
    let (after_stream, after_id) = match &ask.after {
        Some((stream, id)) => (*stream, id.as_str()),
        None => (0, ""),
    };
    Ok(diesel::sql_query(
        "SELECT r.stream_id, r.external_id, s.connection_id, r.payload, r.source_created_at, r.source_updated_at,
                r.changed_at, r.deleted_at
         FROM streams s JOIN records r ON r.stream_id = s.id
         WHERE s.tenant_id = $1 AND s.entity = $2 AND ($3::uuid IS NULL OR s.connection_id = $3)
           AND (r.stream_id, r.external_id) > ($4, $5)
           AND ($6::timestamptz IS NULL OR r.changed_at >= $6)
           AND ($7 OR r.deleted_at IS NULL)
         ORDER BY r.stream_id, r.external_id LIMIT $8",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Text, _>(entity)
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(ask.connection_id.map(ConnectionId::uuid))
    .bind::<BigInt, _>(after_stream)
    .bind::<Text, _>(after_id)
    .bind::<Nullable<Timestamptz>, _>(ask.updated_since)
    .bind::<diesel::sql_types::Bool, _>(ask.deleted == Deleted::Shown)
    .bind::<BigInt, _>(i64::from(ask.limit) + 1)
    .load(conn)
    .await?)
}
