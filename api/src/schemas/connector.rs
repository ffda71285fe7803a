//! Connectors on the wire.

use poem_openapi::Object;
use rail_shared::connectors;
use rail_shared::domain::{Category, ConnectorStatus};
use serde::Serialize;

use super::wire::{AnyObject, Word};
use crate::http::answer::Shown;

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
    /// What can be synced, and is where a sync names nothing.
    entities: Vec<String>,
    /// What can be synced beside them, where a sync names it: null where that is nothing.
    other_entities: Option<OtherEntities>,
    /// JSON Schema of `credentials`; secrets are marked `writeOnly`.
    credentials_schema: AnyObject,
    /// JSON Schema of what `config` may hold beside `syncInterval` and `autoSync`.
    config_schema: AnyObject,
}

/// Entities that are not listed, as each customer of the vendor may have made others.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct OtherEntities {
    /// The regular expression that a name matches.
    pattern: String,
    /// The same in words.
    expects: String,
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
            other_entities: connector.other_entities().map(|others| OtherEntities {
                pattern: others.pattern.to_owned(),
                expects: others.expects.to_owned(),
            }),
            credentials_schema: connector.credentials_schema().clone().into(),
            config_schema: connector.config_schema().clone().into(),
        }
    }
}
