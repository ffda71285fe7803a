//! Syncs of a connection.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use rail_shared::domain::{ConnectionId, SyncId};
use rail_shared::store;
use rail_shared::store::job_lists::Purpose;

use super::{BASE, Tag};
use crate::connections;
use crate::http::answer::{Accepted, Found, Listed};
use crate::http::auth::Caller;
use crate::http::body::Body;
use crate::http::idempotency::{IdempotencyKey, Once, Stop};
use crate::http::problem::Problem;
use crate::http::refusal::{Finds, Fits, ListsWithin, Refusal, Starts};
use crate::jobs;
use crate::schemas::cursor::{default_limit, next, page_ask};
use crate::schemas::sync::Sync;
use crate::schemas::sync_asked::{IfRunning, NewSync, refuse};
use crate::schemas::wire::Id;
use crate::state::Api;
use crate::syncs;
use crate::webhooks;

/// The operations on syncs.
#[derive(Debug, Default)]
pub struct Syncs;

#[OpenApi(prefix_path = BASE, tag = "Tag::Syncs")]
impl Syncs {
    /// Start a sync.
    ///
    /// Accepted at once and run by a worker; follow it at the Location. A connection has one active sync at most: a
    /// second one is refused with 409 `sync-already-active`, which names the active one, or answered with it when
    /// `ifRunning=attach`. Without a body, all entities are synced INCREMENTAL.
    #[oai(
        path = "/connections/:connectionId/sync",
        method = "post",
        operation_id = "startSync"
    )]
    async fn start(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// What to do when the connection has an active sync.
        #[oai(name = "ifRunning", default = "refuse")]
        if_running: Query<IfRunning>,
        /// Makes it safe to repeat the request: within 24 hours the same one with the same key does nothing again and gets
        /// the first answer. Another request with the key is refused with 422 `idempotency-key-reused`.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewSync>,
    ) -> Result<Once<Accepted<Sync>>, Refusal<Starts>> {
        let started = async {
            let entry = key.enter(api, &caller, Some(body.json())).await?;
            let id = connection_id.0.0;
            let connection =
                connections::find(&mut api.store.connect().await?, &caller, id).await?;
            let meant = body.read(api, &connections::connector(api, &connection)?)?;
            syncs::may_sync(&connection)?;
            syncs::accept(api, &caller, connection.id, &meant, if_running.0, &entry).await
        };
        Ok(started.await.or_else(Stop::answer)?)
    }

    /// List the syncs of a connection.
    ///
    /// Newest first.
    #[oai(
        path = "/connections/:connectionId/sync",
        method = "get",
        operation_id = "listSyncs"
    )]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<Sync>, Refusal<ListsWithin>> {
        let ask = page_ask::<SyncId>(limit.0, cursor.0.as_deref())?;
        let mut conn = api.store.connect().await?;
        let connection = connections::find(&mut conn, &caller, connection_id.0.0).await?;
        let listed = store::syncs::list(&mut conn, caller.tenant(), connection.id, ask).await?;
        let next = next(&listed, |sync| sync.asked.id);
        Ok(Listed::of(listed.rows, next))
    }

    /// Get a sync.
    ///
    /// Where it stands, how far it is, and what became of the records of each entity.
    #[oai(
        path = "/connections/:connectionId/sync/:syncId",
        method = "get",
        operation_id = "getSync"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Which sync.
        #[oai(name = "syncId")]
        sync_id: Path<Id<SyncId>>,
    ) -> Result<Found<Sync>, Refusal<Finds>> {
        let mut conn = api.store.connect().await?;
        let found =
            store::syncs::find(&mut conn, caller.tenant(), connection_id.0.0, sync_id.0.0).await?;
        Ok(Found::new(found.ok_or_else(|| Problem::not_found("sync"))?))
    }

    /// Cancel a sync.
    ///
    /// One that only waits is CANCELLED at once; one that runs is ended by its worker within seconds, which keeps what was
    /// committed until then. Asking again while that is under way is answered the same; a sync that has ended is refused
    /// with 409 `already-ended`.
    #[oai(
        path = "/connections/:connectionId/sync/:syncId/cancel",
        method = "post",
        operation_id = "cancelSync"
    )]
    async fn cancel(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        connection_id: Path<Id<ConnectionId>>,
        /// Which sync.
        #[oai(name = "syncId")]
        sync_id: Path<Id<SyncId>>,
    ) -> Result<Accepted<Sync>, Refusal<Fits>> {
        let (connection, id) = (connection_id.0.0, sync_id.0.0);
        let not_found = || Problem::not_found("sync");
        let mut transaction = api.store.begin().await?;
        let found = store::syncs::find(&mut transaction, caller.tenant(), connection, id).await?;
        found.ok_or_else(not_found)?;
        let listening = jobs::cancel(
            &mut transaction,
            &caller,
            Purpose::Sync(connection),
            id.into(),
        )
        .await?;
        let asked = store::syncs::find(&mut transaction, caller.tenant(), connection, id).await?;
        transaction.commit().await?;
        webhooks::wake(api, &listening).await;
        Ok(Accepted::new(asked.ok_or_else(not_found)?).at(syncs::location_of(connection, id)))
    }
}
