//! How far the entities of a connection have been read, and forgetting it.

use rail_shared::connectors::Connector;
use rail_shared::domain::{ConnectionId, SyncId};
use rail_shared::store::connections::ConnectionRow;
use rail_shared::store::streams::{self, StreamRow};
use rail_shared::store::{StoreError, audit, connections, jobs};

use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::entity::Entity;
use crate::state::Api;
use crate::syncs;

/// The entities of a connection of the caller's tenant: its connector's, in their order, and after them any that it has
/// records of and the connector does not list.
///
/// # Errors
/// 404 when there is no such connection.
pub async fn list(api: &Api, caller: &Caller, id: ConnectionId) -> Result<Vec<Entity>, Problem> {
    let mut conn = api.store.connect().await?;
    let connection = super::find(&mut conn, caller, id).await?;
    let streams = streams::of_connection(&mut conn, connection.tenant_id, id).await?;
    Ok(entities(api, &connection, streams)?)
}

/// One of them.
///
/// # Errors
/// 404 when there is no such connection, or no such entity of it.
pub async fn find(
    api: &Api,
    caller: &Caller,
    id: ConnectionId,
    name: &str,
) -> Result<Entity, Problem> {
    named(list(api, caller, id).await?, name)
}

/// Forgets how far an entity has been read; its records stay.
///
/// # Errors
/// 404; 409 `sync-already-active`.
pub async fn reset(
    api: &Api,
    caller: &Caller,
    id: ConnectionId,
    name: &str,
) -> Result<Entity, Problem> {
    let tenant = caller.tenant();
    let mut transaction = api.store.begin().await?;
    // A sync that is accepted meanwhile waits for this and begins without a checkpoint; one that was accepted is seen.
    let connection = connections::hold(&mut transaction, tenant, id).await?;
    let connection = connection.ok_or_else(|| Problem::not_found("connection"))?;
    let streams = streams::of_connection(&mut transaction, tenant, id).await?;
    named(entities(api, &connection, streams)?, name)?;
    if let Some(active) = jobs::active_sync(&mut transaction, id).await? {
        let active = SyncId::from(active);
        return Err(syncs::already_active(id, active, syncs::OR_CANCEL));
    }
    streams::forget_checkpoint(&mut transaction, tenant, id, name).await?;
    let subject = format!("{id}/{name}");
    audit::write(&mut transaction, caller.actor(), "entity.reset", &subject).await?;
    let streams = streams::of_connection(&mut transaction, tenant, id).await?;
    transaction.commit().await?;
    named(entities(api, &connection, streams)?, name)
}

fn entities(
    api: &Api,
    connection: &ConnectionRow,
    mut streams: Vec<StreamRow>,
) -> Result<Vec<Entity>, StoreError> {
    let connector = api.catalogue.get(&connection.connector_id);
    let mut entities = Vec::new();
    for name in connector.iter().flat_map(Connector::entities) {
        let read = streams.iter().position(|stream| stream.entity == name);
        entities.push(match read {
            Some(at) => streams.remove(at).try_into()?,
            None => Entity::unread(name),
        });
    }
    for stream in streams {
        entities.push(stream.try_into()?);
    }
    Ok(entities)
}

fn named(entities: Vec<Entity>, name: &str) -> Result<Entity, Problem> {
    let found = entities.into_iter().find(|entity| entity.name == name);
    found.ok_or_else(|| Problem::not_found("entity"))
}
