//! Record errors as callers look at them.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{ConnectionId, RecordErrorId, RecordErrorStatus, SyncId, TenantId};
use crate::store::statement::statement;
use crate::store::{Listed, PageAsk, StoreError};

/// A record error, without its bytes.
#[derive(Debug, Clone, QueryableByName)]
pub struct RecordErrorRow {
    /// Identity.
    #[diesel(sql_type = diesel::sql_types::Uuid, deserialize_as = Uuid)]
    pub id: RecordErrorId,
    /// Of which entity the record is.
    #[diesel(sql_type = Text)]
    pub entity: String,
    /// The vendor's id of the record, where it could be read.
    #[diesel(sql_type = Nullable<Text>)]
    pub external_id: Option<String>,
    /// Stable, kebab-case.
    #[diesel(sql_type = Text)]
    pub code: String,
    /// What is wrong with it.
    #[diesel(sql_type = Text)]
    pub message: String,
    /// How many of its bytes are kept; `None` when none are any more.
    #[diesel(sql_type = Nullable<Integer>)]
    pub payload_bytes: Option<i32>,
    /// Whether there were more.
    #[diesel(sql_type = Bool)]
    pub truncated: bool,
    /// How many syncs met it.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// When it was first met.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it was last met.
    #[diesel(sql_type = Timestamptz)]
    pub last_seen_at: DateTime<Utc>,
    /// When the record was stored after all, or found gone.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub resolved_at: Option<DateTime<Utc>>,
    /// By which sync, where it was one.
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    pub resolved_by: Option<Uuid>,
}

/// Which errors a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Only<'a> {
    /// Of this entity.
    pub entity: Option<&'a str>,
    /// That stand here.
    pub status: Option<RecordErrorStatus>,
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT e.id, t.entity, e.external_id, e.code, e.message, octet_length(e.payload) AS payload_bytes,
                    e.truncated, e.attempts, e.created_at, e.last_seen_at, e.resolved_at, e.resolved_by ",
            $rest
        )
    };
}

/// The errors that a sync counted, newest first. The caller has found the sync to be its tenant's.
///
/// # Errors
/// When the database refuses.
pub async fn of_sync(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    sync: SyncId,
    only: Only<'_>,
    ask: PageAsk,
) -> Result<Listed<RecordErrorRow>, StoreError> {
    let rows = statement(columns!(
        "FROM sync_record_errors l JOIN record_errors e ON e.id = l.error_id JOIN streams t ON t.id = e.stream_id
         WHERE l.sync_id = $1 AND e.tenant_id = $2 AND ($3::text IS NULL OR t.entity = $3)
           AND ($4::boolean IS NULL OR (e.resolved_at IS NULL) = $4) AND ($5::uuid IS NULL OR l.error_id < $5)
         ORDER BY l.error_id DESC LIMIT $6"
    ))
    .bind::<diesel::sql_types::Uuid, _>(sync.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Nullable<Text>, _>(only.entity)
    .bind::<Nullable<Bool>, _>(only.status.map(|status| status == RecordErrorStatus::Open))
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(ask.after)
    .bind::<BigInt, _>(ask.probe())
    .load(conn)
    .await?;
    Ok(Listed::of(rows, ask.limit))
}

/// The open errors of a connection, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn of_connection(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    entity: Option<&str>,
    ask: PageAsk,
) -> Result<Listed<RecordErrorRow>, StoreError> {
    let rows = statement(columns!(
        "FROM record_errors e JOIN streams t ON t.id = e.stream_id
         WHERE e.connection_id = $1 AND e.tenant_id = $2 AND e.resolved_at IS NULL
           AND ($3::text IS NULL OR t.entity = $3) AND ($4::uuid IS NULL OR e.id < $4)
         ORDER BY e.id DESC LIMIT $5"
    ))
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Nullable<Text>, _>(entity)
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(ask.after)
    .bind::<BigInt, _>(ask.probe())
    .load(conn)
    .await?;
    Ok(Listed::of(rows, ask.limit))
}

/// The open errors of the records of an entity that the tenant puts in itself, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn of_own(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    ask: PageAsk,
) -> Result<Listed<RecordErrorRow>, StoreError> {
    let rows = statement(columns!(
        "FROM streams t JOIN record_errors e ON e.stream_id = t.id
         WHERE t.tenant_id = $1 AND t.entity = $2 AND t.connection_id IS NULL AND e.resolved_at IS NULL
           AND ($3::uuid IS NULL OR e.id < $3)
         ORDER BY e.id DESC LIMIT $4"
    ))
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Text, _>(entity)
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(ask.after)
    .bind::<BigInt, _>(ask.probe())
    .load(conn)
    .await?;
    Ok(Listed::of(rows, ask.limit))
}

/// One error of a tenant's connection.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    id: RecordErrorId,
) -> Result<Option<RecordErrorRow>, StoreError> {
    Ok(statement(columns!(
        "FROM record_errors e JOIN streams t ON t.id = e.stream_id
         WHERE e.id = $1 AND e.connection_id = $2 AND e.tenant_id = $3"
    ))
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .get_result(conn)
    .await
    .optional()?)
}

/// The vendor's bytes of an error.
#[derive(Debug, Clone, QueryableByName)]
pub struct Payload {
    /// The bytes; `None` when they are not kept any more.
    #[diesel(sql_type = Nullable<Binary>)]
    pub bytes: Option<Vec<u8>>,
    /// Whether there were more.
    #[diesel(sql_type = Bool)]
    pub truncated: bool,
}

/// The bytes of one error of a tenant's connection.
///
/// # Errors
/// When the database refuses.
pub async fn payload(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    id: RecordErrorId,
) -> Result<Option<Payload>, StoreError> {
    Ok(statement(
        "SELECT payload AS bytes, truncated FROM record_errors WHERE id = $1 AND connection_id = $2 AND tenant_id = $3",
    )
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .get_result(conn)
    .await
    .optional()?)
}

/// The bytes of one error of the records that the tenant puts in itself.
///
/// # Errors
/// When the database refuses.
pub async fn payload_of_own(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    entity: &str,
    id: RecordErrorId,
) -> Result<Option<Payload>, StoreError> {
    Ok(statement(
        "SELECT e.payload AS bytes, e.truncated FROM record_errors e JOIN streams t ON t.id = e.stream_id
         WHERE e.id = $1 AND e.tenant_id = $2 AND t.entity = $3 AND t.connection_id IS NULL",
    )
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Text, _>(entity)
    .get_result(conn)
    .await
    .optional()?)
}
