//! The entities of a connection.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use rail_shared::domain::ConnectionId;

use super::{BASE, Tag};
use crate::connections::entities;
use crate::http::answer::{Found, Listed};
use crate::http::auth::Caller;
use crate::http::refusal::{Finds, Fits, Refusal};
use crate::schemas::entity::Entity;
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on the entities of a connection.
#[derive(Debug, Default)]
pub struct Entities;

#[OpenApi(prefix_path = BASE, tag = "Tag::Connections")]
impl Entities {
    /// List the entities of a connection.
    ///
    /// All of them on one page, each with how far it has been read: up to when changes are known, and which times of
    /// creation are covered.
    #[oai(
        path = "/connections/:connectionId/entities",
        method = "get",
        operation_id = "listEntities"
    )]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
    ) -> Result<Listed<Entity>, Refusal<Finds>> {
        let entities = entities::list(api, &caller, id.0.0).await?;
        Ok(Listed::of(entities, None))
    }

    /// Get an entity of a connection.
    ///
    /// How far it has been read.
    #[oai(
        path = "/connections/:connectionId/entities/:entity",
        method = "get",
        operation_id = "getEntity"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
        /// Which entity, as the connection lists them.
        entity: Path<String>,
    ) -> Result<Found<Entity>, Refusal<Finds>> {
        Ok(Found::new(
            entities::find(api, &caller, id.0.0, &entity.0).await?,
        ))
    }

    /// Reset an entity of a connection.
    ///
    /// Forgets how far it has been read, so that the next INCREMENTAL reads everything, and ranges are read again. Its
    /// records stay. Refused with 409 `sync-already-active` while a sync of the connection is active.
    #[oai(
        path = "/connections/:connectionId/entities/:entity/reset",
        method = "post",
        operation_id = "resetEntity"
    )]
    async fn reset(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which connection.
        #[oai(name = "connectionId")]
        id: Path<Id<ConnectionId>>,
        /// Which entity, as the connection lists them.
        entity: Path<String>,
    ) -> Result<Found<Entity>, Refusal<Fits>> {
        Ok(Found::new(
            entities::reset(api, &caller, id.0.0, &entity.0).await?,
        ))
    }
}
