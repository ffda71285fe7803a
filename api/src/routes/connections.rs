//! Connections.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use rail_shared::domain::{ConnectionId, ConnectionStatus};
use rail_shared::store::connections::Only;
use rail_shared::store::{self, audit};

use super::{BASE, Tag};
use crate::connections::{self, Probing, Wish, etag};
use crate::http::answer::{Created, Done, Found, Listed};
use crate::http::auth::Caller;
use crate::http::body::Body;
use crate::http::idempotency::{IdempotencyKey, Once, Stop};
use crate::http::precondition::Precondition;
use crate::http::problem::Problem;
use crate::http::refusal::{Changes, Creates, Finds, Fits, Lists, Refusal};
use crate::http::shapes::comparable;
use crate::schemas::connection::{Connection, ConnectionTest};
use crate::schemas::connection_asked::{ConnectionPatch, NewConnection};
use crate::schemas::cursor::{default_limit, next, page_ask};
use crate::schemas::wire::{Id, Word};
use crate::state::Api;

/// The operations on connections.
#[derive(Debug, Default)]
pub struct Connections;

fn yes() -> bool {
    true
}

#[OpenApi(prefix_path = BASE, tag = "Tag::Connections")]
impl Connections {
    /// Create a connection.
    ///
    /// The credentials are tried at the vendor before anything is stored: what the vendor rejects is refused with
    /// `credentials-rejected`, unless the vendor has replaced a refresh token among them by then: the connection is created
    /// with the status REAUTH_REQUIRED, for the new one would be lost. Where the vendor cannot be reached, or a reference that the connector requires is not set,
    /// the connection is created with the status ERROR and a `statusReason`; a later test that succeeds makes it ACTIVE.
    /// A reference in an optional credential may stay unset. Credentials are stored sealed and never answered.
    #[oai(
        path = "/connections",
        method = "post",
        operation_id = "createConnection"
    )]
    async fn create(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Whether to try the credentials first; `false` stores them unseen.
        #[oai(default = "yes")]
        verify: Query<bool>,
        /// Makes it safe to repeat the request: within 24 hours the same one with the same key does nothing again and gets
        /// the first answer. Another request with the key is refused with 422 `idempotency-key-reused`.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewConnection>,
    ) -> Result<Once<Created<Connection>>, Refusal<Creates>> {
        let made = async {
            let entry = key.enter(api, &caller, Some(body.json())).await?;
            let meant = body.read(api, api)?;
            connections::create(api, &caller, meant, Probing::wanted(verify.0), &entry).await
        };
        Ok(made.await.or_else(Stop::answer)?)
    }

    /// List connections.
    ///
    /// Newest first.
    #[oai(
        path = "/connections",
        method = "get",
        operation_id = "listConnections"
    )]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Only of this connector.
        #[oai(name = "connectorId")]
        connector_id: Query<Option<String>>,
        /// Only in this status.
        status: Query<Option<Word<ConnectionStatus>>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<Connection>, Refusal<Lists>> {
        let ask = page_ask::<ConnectionId>(limit.0, cursor.0.as_deref())?;
        comparable("connectorId", connector_id.0.as_deref())?;
        let only = Only {
            connector_id: connector_id.0,
            status: status.0.map(|word| word.0),
        };
        let listed = store::connections::list(
            &mut *api.store.connect().await?,
            caller.tenant(),
            &only,
            ask,
        )
        .await?;
        let next = next(&listed, |row| row.id);
        let shown = listed
            .rows
            .into_iter()
            .map(|row| connections::shown(api, row));
        Ok(Listed::of(shown, next))
    }

    /// Get a connection.
    ///
    /// The ETag is its version, for If-Match of a change.
    #[oai(
        path = "/connections/:connectionId",
        method = "get",
        operation_id = "getConnection"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
    ) -> Result<Found<Connection>, Refusal<Finds>> {
        let row = connections::find(&mut api.store.connect().await?, &caller, id.0.0).await?;
        let etag = etag(&row);
        Ok(Found::new(connections::shown(api, row)).tagged(etag))
    }

    /// Change a connection.
    ///
    /// A merge patch (RFC 7396) of name, config and credentials: what is given replaces, null removes, what is left out
    /// stays. With If-Match the change is made only to that version. Changed credentials are tried first, as at creation;
    /// when the vendor accepts them, a connection in ERROR or REAUTH_REQUIRED becomes ACTIVE.
    #[oai(
        path = "/connections/:connectionId",
        method = "patch",
        operation_id = "updateConnection"
    )]
    async fn update(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
        /// The ETag of the version to change; 412 when it is another by now.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// Whether to try changed credentials first.
        #[oai(default = "yes")]
        verify: Query<bool>,
        body: Body<ConnectionPatch>,
    ) -> Result<Found<Connection>, Refusal<Changes>> {
        let row = connections::find(&mut api.store.connect().await?, &caller, id.0.0).await?;
        let precondition = Precondition::of(if_match.0.as_deref(), &etag(&row))?;
        let meant = body.read(api, connections::standing(api, &row)?)?;
        let row = connections::change(api, &caller, row, meant, Probing::wanted(verify.0))
            .await
            .map_err(|problem| precondition.judge(problem))?;
        let etag = etag(&row);
        Ok(Found::new(connections::shown(api, row)).tagged(etag))
    }

    /// Delete a connection.
    ///
    /// Erases its records, syncs and credentials for good.
    #[oai(
        path = "/connections/:connectionId",
        method = "delete",
        operation_id = "deleteConnection"
    )]
    async fn delete(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
    ) -> Result<Done, Refusal<Finds>> {
        let mut transaction = api.store.begin().await?;
        if !store::connections::erase(&mut transaction, caller.tenant(), id.0.0).await? {
            return Err(Problem::not_found("connection").into());
        }
        audit::write(
            &mut transaction,
            caller.actor(),
            "connection.delete",
            &id.0.0.to_string(),
        )
        .await?;
        transaction.commit().await?;
        Ok(Done)
    }

    /// Test a connection.
    ///
    /// Asks the vendor whether the credentials work and what they may do. A connection that does not work is a successful
    /// answer too, with `success: false` and the reason. A test that succeeds makes a connection in ERROR or
    /// REAUTH_REQUIRED ACTIVE.
    #[oai(
        path = "/connections/:connectionId/test",
        method = "post",
        operation_id = "testConnection"
    )]
    async fn test(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
    ) -> Result<Found<ConnectionTest>, Refusal<Finds>> {
        let row = connections::find(&mut api.store.connect().await?, &caller, id.0.0).await?;
        Ok(Found::new(connections::test(api, &caller, &row).await?))
    }

    /// Pause a connection.
    ///
    /// It does not sync by itself, and syncs that are asked for are refused, until it is resumed. A sync that is active
    /// goes on; cancel it to end it. One that is paused already stays so.
    #[oai(
        path = "/connections/:connectionId/pause",
        method = "post",
        operation_id = "pauseConnection"
    )]
    async fn pause(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
    ) -> Result<Found<Connection>, Refusal<Fits>> {
        let row = connections::wish(api, &caller, id.0.0, Wish::Pause).await?;
        let etag = etag(&row);
        Ok(Found::new(connections::shown(api, row)).tagged(etag))
    }

    /// Resume a connection.
    ///
    /// It is ACTIVE again. However many times it would have synced by itself meanwhile, it does so once.
    #[oai(
        path = "/connections/:connectionId/resume",
        method = "post",
        operation_id = "resumeConnection"
    )]
    async fn resume(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
    ) -> Result<Found<Connection>, Refusal<Fits>> {
        let row = connections::wish(api, &caller, id.0.0, Wish::Resume).await?;
        let etag = etag(&row);
        Ok(Found::new(connections::shown(api, row)).tagged(etag))
    }
}
