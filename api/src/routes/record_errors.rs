//! Records that could not be stored.

use poem::web::Data;
use poem::{IntoResponse, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiResponse, OpenApi};
use rail_shared::domain::{ConnectionId, RecordErrorId, RecordErrorStatus, SyncId};
use rail_shared::store::record_errors::{self, Only, Payload};
use rail_shared::store::syncs;

use super::{BASE, Tag};
use crate::connections;
use crate::http::answer::{Accepted, Found, Listed};
use crate::http::auth::Caller;
use crate::http::idempotency::{IdempotencyKey, Once, Stop};
use crate::http::problem::Problem;
use crate::http::refusal::{Finds, ListsWithin, Refusal, Repeats, documented_header};
use crate::http::shapes::comparable;
use crate::schemas::cursor::{default_limit, next, page_ask};
use crate::schemas::record_error::RecordError;
use crate::schemas::sync::Sync;
use crate::schemas::wire::{Id, Word};
use crate::state::Api;
use crate::syncs::error_retry;

/// Whether there were more bytes than are kept.
const TRUNCATED: &str = "Payload-Truncated";

/// The operations on record errors.
#[derive(Debug, Default)]
pub struct RecordErrors;

#[OpenApi(prefix_path = BASE, tag = "Tag::RecordErrors")]
impl RecordErrors {
    /// List the record errors of a sync.
    ///
    /// Every record that it counted as an error, newest first; each stands as it is now, also when a later sync resolved
    /// it.
    #[oai(
        path = "/connections/:connectionId/sync/:syncId/errors",
        method = "get",
        operation_id = "listSyncErrors"
    )]
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn of_sync(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Of which sync.
        #[oai(name = "syncId")]
        sync_id: Path<Id<SyncId>>,
        /// Only of this entity.
        entity: Query<Option<String>>,
        /// Only in this status.
        status: Query<Option<Word<RecordErrorStatus>>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<RecordError>, Refusal<ListsWithin>> {
        let ask = page_ask::<RecordErrorId>(limit.0, cursor.0.as_deref())?;
        let (tenant, connection) = (caller.tenant(), connection_id.0.0);
        let only = Only {
            entity: comparable("entity", entity.0.as_deref())?,
            status: status.0.map(|word| word.0),
        };
        let mut conn = api.store.connect().await?;
        let found = syncs::find(&mut conn, tenant, connection, sync_id.0.0).await?;
        let sync = found.ok_or_else(|| Problem::not_found("sync"))?;
        let listed = record_errors::of_sync(&mut conn, tenant, sync.asked.id, only, ask).await?;
        let next = next(&listed, |error| error.id);
        let rows = listed.rows.into_iter().map(|row| (Some(connection), row));
        Ok(Listed::of(rows, next))
    }

    /// List the open record errors of a connection.
    ///
    /// Every record of it that is not stored as it now is at the vendor, newest first.
    #[oai(
        path = "/connections/:connectionId/errors",
        method = "get",
        operation_id = "listConnectionErrors"
    )]
    async fn of_connection(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Only of this entity.
        entity: Query<Option<String>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<RecordError>, Refusal<ListsWithin>> {
        let ask = page_ask::<RecordErrorId>(limit.0, cursor.0.as_deref())?;
        let (tenant, entity) = (caller.tenant(), comparable("entity", entity.0.as_deref())?);
        let mut conn = api.store.connect().await?;
        let connection = connections::find(&mut conn, &caller, connection_id.0.0).await?;
        let listed =
            record_errors::of_connection(&mut conn, tenant, connection.id, entity, ask).await?;
        let next = next(&listed, |error| error.id);
        let rows = listed
            .rows
            .into_iter()
            .map(|row| (Some(connection.id), row));
        Ok(Listed::of(rows, next))
    }

    /// Get a record error.
    ///
    /// What is wrong with the record, where it stands, and where its bytes are.
    #[oai(
        path = "/connections/:connectionId/errors/:errorId",
        method = "get",
        operation_id = "getRecordError"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Which error.
        #[oai(name = "errorId")]
        error_id: Path<Id<RecordErrorId>>,
    ) -> Result<Found<RecordError>, Refusal<Finds>> {
        let (connection, id) = (connection_id.0.0, error_id.0.0);
        let mut conn = api.store.connect().await?;
        let found = record_errors::find(&mut conn, caller.tenant(), connection, id).await?;
        let row = found.ok_or_else(|| Problem::not_found("record error"))?;
        Ok(Found::new((Some(connection), row)))
    }

    /// Download the bytes of a record error.
    ///
    /// As the vendor sent them, at most the first 64 KiB: the header `Payload-Truncated` says whether there were more. They are
    /// kept for 30 days after a sync last met the error; then this is 404.
    #[oai(
        path = "/connections/:connectionId/errors/:errorId/payload",
        method = "get",
        operation_id = "downloadRecordErrorPayload"
    )]
    async fn payload(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Of which error.
        #[oai(name = "errorId")]
        error_id: Path<Id<RecordErrorId>>,
    ) -> Result<Kept, Refusal<Finds>> {
        let mut conn = api.store.connect().await?;
        let (connection, id) = (connection_id.0.0, error_id.0.0);
        let found = record_errors::payload(&mut conn, caller.tenant(), connection, id).await?;
        Ok(kept(found)?)
    }

    /// List the open errors of records that were put in.
    ///
    /// Every record of the platform's own that `PUT /records/{entity}` could not store, newest first. One with an id is resolved
    /// by whatever stores a later version of it, or deletes it; to retry one is to put it in again.
    #[oai(
        path = "/records/:entity/errors",
        method = "get",
        operation_id = "listPutErrors"
    )]
    async fn of_own(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which entity.
        entity: Path<String>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<RecordError>, Refusal<ListsWithin>> {
        let ask = page_ask::<RecordErrorId>(limit.0, cursor.0.as_deref())?;
        let mut conn = super::records::known(api, caller.tenant(), &entity.0).await?;
        let listed = record_errors::of_own(&mut conn, caller.tenant(), &entity.0, ask).await?;
        let next = next(&listed, |error| error.id);
        let rows = listed.rows.into_iter().map(|row| (None, row));
        Ok(Listed::of(rows, next))
    }

    /// Download the bytes of a record that was put in and could not be stored.
    ///
    /// As they came, at most the first 64 KiB: the header `Payload-Truncated` says whether there were more. They are kept for 30
    /// days after the record was last put in; then this is 404.
    #[oai(
        path = "/records/:entity/errors/:errorId/payload",
        method = "get",
        operation_id = "downloadPutErrorPayload"
    )]
    async fn payload_of_own(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which entity.
        entity: Path<String>,
        /// Of which error.
        #[oai(name = "errorId")]
        error_id: Path<Id<RecordErrorId>>,
    ) -> Result<Kept, Refusal<Finds>> {
        let (tenant, id) = (caller.tenant(), error_id.0.0);
        let mut conn = super::records::known(api, tenant, &entity.0).await?;
        Ok(kept(
            record_errors::payload_of_own(&mut conn, tenant, &entity.0, id).await?,
        )?)
    }

    /// Retry a record error.
    ///
    /// Starts a sync that reads this record only, by its id at the vendor; or, where no id could be read, out of the bytes that
    /// were kept. Once it is stored, or found gone, the error is resolved. An error that is resolved, or of which neither id
    /// nor bytes are known, is refused with 409 `not-retriable`; and as for every sync, while the connection has an active one
    /// with 409 `sync-already-active`.
    #[oai(
        path = "/connections/:connectionId/errors/:errorId/retry",
        method = "post",
        operation_id = "retryRecordError"
    )]
    async fn retry(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Which error.
        #[oai(name = "errorId")]
        error_id: Path<Id<RecordErrorId>>,
        /// Makes it safe to repeat the request: within 24 hours the same one with the same key does nothing again and gets
        /// the first answer. Another request with the key is refused with 422 `idempotency-key-reused`.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Once<Accepted<Sync>>, Refusal<Repeats>> {
        let started = async {
            let entry = key.enter(api, &caller, None).await?;
            error_retry::one(api, &caller, connection_id.0.0, error_id.0.0, &entry).await
        };
        Ok(started.await.or_else(Stop::answer)?)
    }

    /// Retry the open record errors of a connection.
    ///
    /// As `retryRecordError` for all of them, or all of one entity: up to 1,000, the oldest first. 409 `nothing-to-retry` where
    /// there are none.
    #[oai(
        path = "/connections/:connectionId/errors/retry",
        method = "post",
        operation_id = "retryConnectionErrors"
    )]
    async fn retry_all(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Only of this entity.
        entity: Query<Option<String>>,
        /// Makes it safe to repeat the request: within 24 hours the same one with the same key does nothing again and gets
        /// the first answer. Another request with the key is refused with 422 `idempotency-key-reused`.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Once<Accepted<Sync>>, Refusal<Repeats>> {
        let entity = comparable("entity", entity.0.as_deref())?;
        let started = async {
            let entry = key.enter(api, &caller, None).await?;
            error_retry::all(api, &caller, connection_id.0.0, entity, &entry).await
        };
        Ok(started.await.or_else(Stop::answer)?)
    }
}

fn kept(found: Option<Payload>) -> Result<Kept, Problem> {
    let Payload { bytes, truncated } = found.ok_or_else(|| Problem::not_found("record error"))?;
    Ok(Kept {
        bytes: bytes.ok_or_else(|| Problem::not_found("payload any more"))?,
        truncated,
    })
}

/// Bytes as they came.
pub struct Kept {
    bytes: Vec<u8>,
    truncated: bool,
}

impl IntoResponse for Kept {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type("application/octet-stream")
            .header(TRUNCATED, self.truncated.to_string())
            .body(self.bytes)
    }
}

impl ApiResponse for Kept {
    fn meta() -> MetaResponses {
        let bytes = MetaSchema::new_with_format("string", "binary");
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The bytes",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/octet-stream",
                    schema: MetaSchemaRef::Inline(Box::new(bytes)),
                }],
                headers: vec![documented_header(
                    TRUNCATED,
                    "`true` where there were more bytes than are kept",
                )],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
