//! Which errors are worth another try, and what was kept of them.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{ConnectionId, PayloadOf, RecordErrorId, SyncId, TenantId};
use crate::store::StoreError;
use crate::store::statement::statement;

/// After so many syncs that met an error, those that follow leave it to a person.
const ATTEMPTS: i32 = 10;

/// An open error that another read may resolve: by the record's id, or from its bytes.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Retriable {
    /// Identity.
    #[diesel(sql_type = diesel::sql_types::Uuid, deserialize_as = Uuid)]
    pub id: RecordErrorId,
    /// Of which entity the record is.
    #[diesel(sql_type = Text)]
    pub entity: String,
    /// The vendor's id of the record; `None` where only its bytes are known.
    #[diesel(sql_type = Nullable<Text>)]
    pub external_id: Option<String>,
}

/// The open errors of a connection that another read may resolve, of one entity or of all, oldest first. An error
/// without an id of the vendor's is among them while all of its bytes are kept.
///
/// # Errors
/// When the database refuses.
pub async fn retriable(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    entity: Option<&str>,
    at_most: i64,
) -> Result<Vec<Retriable>, StoreError> {
    Ok(statement(
        "SELECT e.id, t.entity, e.external_id FROM record_errors e JOIN streams t ON t.id = e.stream_id
         WHERE e.connection_id = $1 AND e.tenant_id = $2 AND e.resolved_at IS NULL
           AND (e.external_id IS NOT NULL OR (e.payload IS NOT NULL AND NOT e.truncated))
           AND ($3::text IS NULL OR t.entity = $3)
         ORDER BY e.id LIMIT $4",
    )
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Nullable<Text>, _>(entity)
    .bind::<BigInt, _>(at_most)
    .load(conn)
    .await?)
}

/// One error, if it is such a one.
///
/// # Errors
/// When the database refuses.
pub async fn retriable_one(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    id: RecordErrorId,
) -> Result<Option<Retriable>, StoreError> {
    Ok(statement(
        "SELECT e.id, t.entity, e.external_id FROM record_errors e JOIN streams t ON t.id = e.stream_id
         WHERE e.id = $1 AND e.connection_id = $2 AND e.tenant_id = $3 AND e.resolved_at IS NULL
           AND (e.external_id IS NOT NULL OR (e.payload IS NOT NULL AND NOT e.truncated))",
    )
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .get_result(conn)
    .await
    .optional()?)
}

#[derive(QueryableByName)]
struct LeftRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    external_id: String,
}

/// Records with open errors of a stream that this sync has not met, oldest error first, beginning after one: those that
/// another try may mend. One that failed in ten syncs is left to a person.
///
/// # Errors
/// When the database refuses.
pub async fn left_by_walk(
    conn: &mut AsyncPgConnection,
    stream: i64,
    sync: SyncId,
    after: Option<RecordErrorId>,
    at_most: i64,
) -> Result<Vec<(RecordErrorId, String)>, StoreError> {
    let rows: Vec<LeftRow> = statement(
        "SELECT e.id, e.external_id FROM record_errors e
         WHERE e.stream_id = $1 AND e.resolved_at IS NULL AND e.external_id IS NOT NULL
           AND ($3::uuid IS NULL OR e.id > $3)
           AND NOT EXISTS (
               SELECT FROM record_errors o LEFT JOIN sync_record_errors l ON l.error_id = o.id AND l.sync_id = $2
               WHERE o.stream_id = $1 AND o.external_id = e.external_id AND o.resolved_at IS NULL
                 AND (o.attempts >= $4 OR l.sync_id IS NOT NULL OR o.id < e.id))
         ORDER BY e.id LIMIT $5",
    )
    .bind::<BigInt, _>(stream)
    .bind::<diesel::sql_types::Uuid, _>(sync.uuid())
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(after.map(RecordErrorId::uuid))
    .bind::<Integer, _>(ATTEMPTS)
    .bind::<BigInt, _>(at_most)
    .load(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id.into(), row.external_id))
        .collect())
}

/// An open error whose bytes are kept whole.
#[derive(Debug, Clone)]
pub struct KeptError {
    /// Identity.
    pub id: RecordErrorId,
    /// All of its bytes.
    pub payload: Vec<u8>,
    /// What they are.
    pub payload_of: PayloadOf,
    /// The instant for which the vendor vouched for them.
    pub as_of: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct KeptRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Binary)]
    payload: Vec<u8>,
    #[diesel(sql_type = Text)]
    payload_of: String,
    #[diesel(sql_type = Timestamptz)]
    as_of: DateTime<Utc>,
}

fn kept_error(row: KeptRow) -> Option<KeptError> {
    Some(KeptError {
        id: row.id.into(),
        payload: row.payload,
        payload_of: row.payload_of.parse().ok()?,
        as_of: row.as_of,
    })
}

/// What is kept of these errors of a stream; those that are resolved or not kept whole are missing.
///
/// # Errors
/// When the database refuses.
pub async fn kept(
    conn: &mut AsyncPgConnection,
    stream: i64,
    ids: &[RecordErrorId],
) -> Result<Vec<KeptError>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<KeptRow> = statement(
        "SELECT id, payload, payload_of, as_of FROM record_errors
         WHERE stream_id = $1 AND id = ANY($2) AND resolved_at IS NULL AND payload IS NOT NULL AND NOT truncated
           AND as_of IS NOT NULL",
    )
    .bind::<BigInt, _>(stream)
    .bind::<Array<diesel::sql_types::Uuid>, _>(ids)
    .load(conn)
    .await?;
    Ok(rows.into_iter().filter_map(kept_error).collect())
}

/// What is kept of a record that has open errors: the newest version of it.
///
/// # Errors
/// When the database refuses.
pub async fn kept_of_record(
    conn: &mut AsyncPgConnection,
    stream: i64,
    external_id: &str,
) -> Result<Option<KeptError>, StoreError> {
    let row: Option<KeptRow> = statement(
        "SELECT id, payload, payload_of, as_of FROM record_errors
         WHERE stream_id = $1 AND external_id = $2 AND resolved_at IS NULL AND payload IS NOT NULL AND NOT truncated
           AND as_of IS NOT NULL
         ORDER BY as_of DESC LIMIT 1",
    )
    .bind::<BigInt, _>(stream)
    .bind::<Text, _>(external_id)
    .get_result(conn)
    .await
    .optional()?;
    Ok(row.and_then(kept_error))
}
