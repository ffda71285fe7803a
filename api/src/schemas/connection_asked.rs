//! Connections on the wire, as callers ask for them.

use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use rail_shared::connectors::Connector;
use rail_shared::domain::{ConnectorStatus, Faults, SyncInterval, Tolerance};
use rail_shared::secrets::{References, Unresolved};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

use super::wire::{AnyObject, wire};
use crate::http::body::{Asked, Json};
use crate::http::shapes::child;
use crate::state::Api;

const CREDENTIALS: &str = "/credentials";
const CONFIG: &str = "/config";
/// The settings of every connection; what else stands in `config` is the connector's.
const COMMON: [&str; 4] = [
    "syncInterval",
    "autoSync",
    "maxDeleteFraction",
    "maxErrorRate",
];

/// A connection to be made.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct NewConnection {
    /// Which connector, as GET /connectors lists it.
    #[oai(validator(min_length = 1, max_length = 100))]
    connector_id: String,
    /// What its owner calls it.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// What the connector's `credentialsSchema` says. A value `${NAME}` refers to a secret that the operator keeps; only
    /// names with the allowed prefix (`IOF_CONNECTOR_`) can be referred to.
    credentials: AnyObject,
    /// Its settings.
    config: Option<ConfigAsked>,
}

/// Settings as they are asked for.
#[derive(Debug, Serialize)]
pub struct ConfigAsked;

wire!([] ConfigAsked, "ConfigAsked", MetaSchemaRef::Inline(Box::new(MetaSchema {
    properties: vec![
        ("syncInterval", MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some("How often it syncs by itself: a whole number and `s`, `m`, `h` or `d`, from `30s` to `30d`."),
            example: Some(Value::from("15m")),
            nullable: true,
            ..MetaSchema::new("string")
        }))),
        ("autoSync", MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some("Whether it syncs by itself, every `syncInterval`."),
            ..MetaSchema::new("boolean")
        }))),
        ("maxDeleteFraction", fraction(
            "The greatest part of an entity, from 0 to 1, that a sync deletes because the vendor's complete list does not \
             hold it any more; 0.3 when left out. Where more is missing, nothing is deleted and the sync FAILED.",
        )),
        ("maxErrorRate", fraction(
            "The greatest part of an entity's records, from 0 to 1, that may be impossible to store before the sync is \
             FAILED; when left out, no part is too great.",
        )),
    ],
    additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
    description: Some("`syncInterval`, `autoSync`, `maxDeleteFraction`, `maxErrorRate`, and what the connector's `configSchema` says."),
    ..MetaSchema::new("object")
})), |_| {});

/// The schema of a part of a whole.
pub fn fraction(description: &'static str) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        description: Some(description),
        nullable: true,
        minimum: Some(0.0),
        maximum: Some(1.0),
        ..MetaSchema::new("number")
    }))
}

/// Settings, understood.
#[derive(Debug)]
pub struct Config {
    /// How often it syncs by itself.
    pub interval: Option<SyncInterval>,
    /// Whether it does.
    pub auto_sync: bool,
    /// What may go wrong in its syncs.
    pub tolerance: Tolerance,
    /// The connector's own.
    pub settings: Map<String, Value>,
}

/// A connection to be made, understood.
pub struct ConnectionMeant {
    /// With which connector.
    pub connector: Connector,
    /// Its name.
    pub name: String,
    /// Its credentials, references unresolved.
    pub credentials: Map<String, Value>,
    /// Its settings.
    pub config: Config,
}

impl Asked for NewConnection {
    type Meant = ConnectionMeant;
    type Rules<'a> = &'a Api;
    const OWN: &'static [&'static str] = &[];

    fn read(body: &Json, api: &Api, faults: &mut Faults) -> Option<ConnectionMeant> {
        let found = body.text_at("/connectorId").map(|id| api.catalogue.get(id));
        let connector = found
            .as_ref()
            .and_then(|found| usable(found.as_ref(), "/connectorId", faults));
        let credentials = body.at(CREDENTIALS).and_then(Value::as_object);
        if let (Some(connector), Some(credentials)) = (connector, credentials) {
            check_credentials(connector, credentials, &api.references, faults);
        }
        let empty = Map::new();
        let config = body.at(CONFIG).map_or(Some(&empty), Value::as_object);
        let config = config.and_then(|config| read_config(config, connector, faults));
        Some(ConnectionMeant {
            connector: connector?.clone(),
            name: body.text_at("/name")?.to_owned(),
            credentials: credentials?.clone(),
            config: config?,
        })
    }
}

/// A connector that connections can be made to.
pub fn usable<'a>(
    found: Option<&'a Connector>,
    pointer: &str,
    faults: &mut Faults,
) -> Option<&'a Connector> {
    match found {
        None => {
            faults.add(
                pointer,
                "unknown-connector",
                "There is no such connector; GET /connectors lists them.",
            );
            None
        }
        Some(connector) if connector.status() == ConnectorStatus::Disabled => {
            let detail = format!(
                "{} is listed but cannot be connected yet.",
                connector.name()
            );
            faults.add(pointer, "connector-unavailable", detail);
            None
        }
        found => found,
    }
}

/// The faults of whole credentials.
pub fn check_credentials(
    connector: &Connector,
    credentials: &Map<String, Value>,
    references: &References,
    faults: &mut Faults,
) {
    let found = connector.check_credentials(&Value::Object(credentials.clone()), CREDENTIALS);
    add_once(found, faults);
    for unresolved in references.forbidden(credentials) {
        if let Unresolved::Forbidden {
            field,
            name,
            prefix,
        } = unresolved
        {
            let detail = format!("${{{name}}} is not allowed; a reference begins with {prefix}.");
            faults.add(child(CREDENTIALS, &field), "forbidden-reference", detail);
        }
    }
}

/// One fault a place: what the shape said already is not said again.
fn add_once(found: Faults, faults: &mut Faults) {
    for fault in found {
        if !faults.touch(&fault.pointer) {
            faults.add(fault.pointer, fault.code, fault.detail);
        }
    }
}

/// Reads whole settings; of an unknown connector only the common ones.
pub fn read_config(
    config: &Map<String, Value>,
    connector: Option<&Connector>,
    faults: &mut Faults,
) -> Option<Config> {
    let interval_at = child(CONFIG, COMMON[0]);
    let interval = config.get(COMMON[0]).filter(|value| !value.is_null());
    let read = interval
        .and_then(Value::as_str)
        .map(str::parse::<SyncInterval>);
    let interval = match read {
        Some(Ok(interval)) => Some(interval),
        Some(Err(error)) => {
            faults.add(&interval_at, "bad-interval", format!("{error}."));
            None
        }
        None => None,
    };
    let auto_sync = config
        .get(COMMON[1])
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if auto_sync && interval.is_none() && !faults.touch(&interval_at) {
        faults.add(
            interval_at,
            "missing",
            "With autoSync, this says how often.",
        );
    }
    let settings: Map<String, Value> = config
        .iter()
        .filter(|(name, value)| !COMMON.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(connector) = connector {
        add_once(
            connector.check_config(&Value::Object(settings.clone()), CONFIG),
            faults,
        );
    }
    Some(Config {
        interval,
        auto_sync,
        tolerance: Tolerance {
            max_delete_fraction: config.get(COMMON[2]).and_then(Value::as_f64),
            max_error_rate: config.get(COMMON[3]).and_then(Value::as_f64),
        },
        settings,
    })
}

/// A change of a connection (RFC 7396): what is given replaces, null removes, what is left out stays.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct ConnectionPatch {
    /// What its owner calls it.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: Option<String>,
    /// Settings to change; null removes one.
    config: Option<ConfigAsked>,
    /// Credentials to change; null removes one. They are tried before anything is stored.
    credentials: Option<AnyObject>,
}

/// What a change is judged against.
pub struct Standing<'a> {
    /// Its connector, where the catalogue still has it.
    pub connector: Option<Connector>,
    /// Its settings, as they would be given whole.
    pub config: Map<String, Value>,
    /// Its credentials, opened.
    pub credentials: Map<String, Value>,
    /// What credentials may refer to.
    pub references: &'a References,
}

/// A change, understood: what the connection will be.
pub struct PatchMeant {
    /// Its new name, where it changes.
    pub name: Option<String>,
    /// All of its settings, where any changes.
    pub config: Option<Config>,
    /// All of its credentials, where any changes.
    pub credentials: Option<Map<String, Value>>,
}

impl Asked for ConnectionPatch {
    type Meant = PatchMeant;
    type Rules<'a> = Standing<'a>;
    const MEDIA_TYPES: &'static [&'static str] =
        &["application/merge-patch+json", "application/json"];
    const OWN: &'static [&'static str] = &[];

    fn read(body: &Json, standing: Standing<'_>, faults: &mut Faults) -> Option<PatchMeant> {
        let Standing {
            connector,
            config,
            credentials,
            references,
        } = standing;
        let connector = connector.as_ref();
        let config = body
            .at(CONFIG)
            .and_then(Value::as_object)
            .and_then(|patch| read_config(&merged(config, patch), connector, faults));
        let patch = body.at(CREDENTIALS).and_then(Value::as_object);
        let credentials = patch.and_then(|patch| {
            let connector = usable(connector, CREDENTIALS, faults)?;
            let credentials = merged(credentials, patch);
            check_credentials(connector, &credentials, references, faults);
            Some(credentials)
        });
        Some(PatchMeant {
            name: body.text_at("/name").map(str::to_owned),
            config,
            credentials,
        })
    }
}

fn merged(mut old: Map<String, Value>, patch: &Map<String, Value>) -> Map<String, Value> {
    for (name, value) in patch {
        if value.is_null() {
            old.remove(name);
        } else {
            old.insert(name.clone(), value.clone());
        }
    }
    old
}

macro_rules! unprintable {
    ($($name:ident $(<$lifetime:lifetime>)?),+) => {$(
        /// What it holds is secret.
        impl fmt::Debug for $name $(<$lifetime>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}

unprintable!(ConnectionMeant, Standing<'_>, PatchMeant);
