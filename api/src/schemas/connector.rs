//! Connectors on the wire.

use poem_openapi::Object;
use rail_shared::connectors;
use rail_shared::domain::{Category, ConnectorStatus};
use serde::Serialize;

use super::wire::{AnyObject, Word};
use crate::answer::Shown;

/// An outside system that connections can be made to.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Connector {
    /// As named in `connectorId`.
    connector_id: String,
    /// For people.
    name: String,
    /// What it is for.
    category: Word<Category>,
    /// Whether it can be used: only AVAILABLE and BETA can be connected.
    status: Word<ConnectorStatus>,
    /// What it offers.
    features: Vec<String>,
    /// What can be synced.
    entities: Vec<String>,
    /// JSON Schema of `credentials`; secrets are marked `writeOnly`.
    credentials_schema: AnyObject,
    /// JSON Schema of what `config` may hold beside `syncInterval` and `autoSync`.
    config_schema: AnyObject,
}

impl Shown for Connector {}

impl From<&connectors::Connector> for Connector {
    fn from(connector: &connectors::Connector) -> Self {
        Self {
            connector_id: connector.id().to_owned(),
            name: connector.name().to_owned(),
            category: Word(connector.category()),
            status: Word(connector.status()),
            features: connector.features().to_vec(),
            entities: connector.entities().map(str::to_owned).collect(),
            credentials_schema: connector.credentials_schema().clone().into(),
            config_schema: connector.config_schema().clone().into(),
        }
    }
}
