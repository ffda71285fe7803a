//! One connector: its catalogue file, checked and filled in.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use url::Url;

use super::credentials::Fields;
use super::file::{Auth, BaseUrl, ConnectorFile, Errors, Rate, TestCall};
use super::objects::{OBJECTS, ROWS, StoreRules};
use super::rules::{self, EntityRules, Tables};
use super::{Session, Source};
use crate::domain::{Category, ConnectorStatus, Faults};
use crate::http::Http;

/// An outside system that connections can be made to.
#[derive(Debug, Clone)]
pub struct Connector {
    definition: Arc<Definition>,
}

/// What a catalogue file says, made whole.
#[derive(Debug)]
pub(super) struct Definition {
    pub id: String,
    pub name: String,
    pub category: Category,
    pub status: ConnectorStatus,
    pub features: Vec<String>,
    pub entities: Vec<String>,
    pub credentials: Fields,
    pub config: Fields,
    /// How records are read; absent for a connector that is only listed, and for an object store.
    pub reading: Option<Reading>,
    /// The object store in which its records are, where they are in one.
    pub store: Option<StoreRules>,
}

/// How records are read.
#[derive(Debug)]
pub(super) struct Reading {
    pub base_url: BaseUrl,
    pub auth: Auth,
    pub headers: Vec<(String, String)>,
    pub test: TestCall,
    pub errors: Errors,
    pub rate: Option<Rate>,
    pub entities: Vec<EntityRules>,
    /// How many of them are read at once.
    pub parallel: usize,
}

impl Reading {
    pub(super) fn entity(&self, name: &str) -> Option<&EntityRules> {
        self.entities.iter().find(|rules| rules.name == name)
    }
}

impl Connector {
    /// From a catalogue file's text; `base_url` takes the place of the file's own.
    pub(super) fn parse(text: &str, base_url: Option<&str>) -> Result<Self, InvalidFile> {
        let file: ConnectorFile = toml::from_str(text)?;
        let definition = define(file, &Tables::parse(text)?, base_url)?;
        Ok(Self {
            definition: Arc::new(definition),
        })
    }

    /// As written in `connectorId`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.definition.id
    }

    /// For people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// What it is for.
    #[must_use]
    pub fn category(&self) -> Category {
        self.definition.category
    }

    /// Whether it can be used.
    #[must_use]
    pub fn status(&self) -> ConnectorStatus {
        self.definition.status
    }

    /// What it offers, in words for people.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.definition.features
    }

    /// The vendor's collections, in the order they are shown.
    pub fn entities(&self) -> impl Iterator<Item = &str> {
        self.definition.entities.iter().map(String::as_str)
    }

    /// Whether it has an entity of this name.
    #[must_use]
    pub fn has_entity(&self, entity: &str) -> bool {
        self.entities().any(|name| name == entity)
    }

    /// Whether the vendor's list of this entity can be limited to a range of days.
    #[must_use]
    pub fn lists_by_date(&self, entity: &str) -> bool {
        let rules = self.definition.reading.as_ref();
        rules
            .and_then(|reading| reading.entity(entity))
            .is_some_and(|rules| rules.window.is_some())
    }

    /// The names of the limits of its rate; none where nothing is known of it.
    pub fn rate_limits(&self) -> impl Iterator<Item = &str> {
        let rate = self
            .definition
            .reading
            .as_ref()
            .and_then(|reading| reading.rate.as_ref());
        let at_once = rate
            .filter(|rate| rate.at_once.is_some())
            .map(|_| "at_once");
        let windows = rate
            .into_iter()
            .flat_map(|rate| rate.limits.keys().map(String::as_str));
        windows.chain(at_once)
    }

    /// JSON Schema of the credentials; secrets are marked `writeOnly`.
    #[must_use]
    pub fn credentials_schema(&self) -> &Value {
        self.definition.credentials.schema()
    }

    /// JSON Schema of the settings that this vendor has beside those of every connection.
    #[must_use]
    pub fn config_schema(&self) -> &Value {
        self.definition.config.schema()
    }

    /// Every fault of credentials that stand at `pointer` in the caller's body. No fault repeats a value.
    #[must_use]
    pub fn check_credentials(&self, credentials: &Value, pointer: &str) -> Faults {
        self.definition.credentials.check(credentials, pointer)
    }

    /// Every fault of the vendor's own settings, likewise.
    #[must_use]
    pub fn check_config(&self, config: &Value, pointer: &str) -> Faults {
        self.definition.config.check(config, pointer)
    }

    /// A connection's records at the vendor.
    #[must_use]
    pub fn open(&self, http: &Http, session: Session) -> Source {
        Source::new(Arc::clone(&self.definition), http.clone(), session)
    }

    #[cfg(test)]
    pub(super) fn definition(&self) -> &Definition {
        &self.definition
    }
}

/// Why a catalogue file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFile {
    /// It is no TOML of this format.
    #[error("it cannot be read")]
    Format(#[from] toml::de::Error),
    /// It says what cannot work.
    #[error("{0}")]
    Content(String),
}

pub(super) fn content(fault: impl Into<String>) -> InvalidFile {
    InvalidFile::Content(fault.into())
}

fn define(
    file: ConnectorFile,
    tables: &Tables,
    base_url: Option<&str>,
) -> Result<Definition, InvalidFile> {
    let names: BTreeSet<&str> = file.entities.iter().map(|e| e.name.as_str()).collect();
    if names.is_empty() || names.len() != file.entities.len() {
        return Err(content("entities must be named, each once"));
    }
    let usable = file.status != ConnectorStatus::Disabled;
    let store = file.store.as_ref().filter(|_| usable);
    let store = store
        .map(|rules| store_rules(rules, &names, base_url))
        .transpose()?;
    let reading = if usable && store.is_none() {
        Some(reading(&file, tables, base_url)?)
    } else {
        None
    };
    Ok(Definition {
        credentials: Fields::new(&file.credentials).map_err(content)?,
        config: Fields::new(&file.config).map_err(content)?,
        entities: file.entities.into_iter().map(|e| e.name).collect(),
        id: file.id,
        name: file.name,
        category: file.category,
        status: file.status,
        features: file.features,
        reading,
        store,
    })
}

/// What an object store needs that can be used.
fn store_rules(
    rules: &StoreRules,
    entities: &BTreeSet<&str>,
    base_url: Option<&str>,
) -> Result<StoreRules, InvalidFile> {
    if *entities != BTreeSet::from([OBJECTS, ROWS]) {
        return Err(content(format!(
            "the entities of a store are {OBJECTS} and {ROWS}"
        )));
    }
    Ok(StoreRules {
        base_url: base_url.map(str::to_owned),
        ..rules.clone()
    })
}

/// What a connector needs that can be used.
fn reading(
    file: &ConnectorFile,
    tables: &Tables,
    base_url: Option<&str>,
) -> Result<Reading, InvalidFile> {
    let lacks = |what: &str| content(format!("its status is {} but it lacks {what}", file.status));
    let base_url = match base_url {
        Some(url) => BaseUrl::One(url.to_owned()),
        None => file.base_url.clone().ok_or_else(|| lacks("base_url"))?,
    };
    check_base_url(&base_url)?;
    let auth = file.auth.clone().ok_or_else(|| lacks("auth"))?;
    for credential in credentials_of(&auth) {
        if !file.credentials.contains_key(credential) {
            return Err(content(format!(
                "auth names {credential}, which is no credential"
            )));
        }
    }
    let test = file.test.clone().ok_or_else(|| lacks("test"))?;
    if let Some(grant) = test
        .grants
        .iter()
        .find(|grant| !file.credentials.contains_key(&grant.credential))
    {
        let named = &grant.credential;
        return Err(content(format!(
            "a grant names {named}, which is no credential"
        )));
    }
    let lists = file.lists.as_ref().ok_or_else(|| lacks("lists"))?;
    if !(1..=16).contains(&lists.parallel) {
        return Err(content("lists.parallel must be from 1 to 16"));
    }
    for named in [&file.changed, &file.removed]
        .into_iter()
        .flatten()
        .flat_map(|listing| listing.of.iter().flatten())
    {
        if !file.entities.iter().any(|entity| entity.name == *named) {
            return Err(content(format!(
                "a list is said to be of {named}, which is no entity"
            )));
        }
    }
    let is_field =
        |name: &str| file.credentials.contains_key(name) || file.config.contains_key(name);
    let rate_faults = file.rate.iter().flat_map(|rate| rate.faults(is_field));
    if let Some(fault) = rate_faults.into_iter().next() {
        return Err(content(fault));
    }
    let feed = file.feed.clone().map(Arc::new);
    let entities = file
        .entities
        .iter()
        .map(|entity| rules::rules(entity, tables, feed.as_ref()))
        .collect::<Result<_, _>>()?;
    Ok(Reading {
        base_url,
        auth,
        headers: file.headers.clone().into_iter().collect(),
        test,
        errors: file.errors.clone(),
        rate: file.rate.clone(),
        entities,
        parallel: usize::from(lists.parallel),
    })
}

fn check_base_url(base_url: &BaseUrl) -> Result<(), InvalidFile> {
    let is_one = |url: &str| {
        // A credential may be the whole of it.
        let is_named = url.starts_with('{') && url.ends_with('}');
        is_named
            || Url::parse(url)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none())
    };
    let good = match base_url {
        BaseUrl::One(url) => is_one(url),
        BaseUrl::By(by) => {
            by.urls.contains_key(&by.default) && by.urls.values().all(|url| is_one(url))
        }
    };
    if good {
        return Ok(());
    }
    Err(content(
        "base_url must be an http or https URL without a query",
    ))
}

fn credentials_of(auth: &Auth) -> Vec<&String> {
    match auth {
        Auth::Bearer { credential }
        | Auth::Header { credential, .. }
        | Auth::Query { credential, .. } => vec![credential],
        Auth::Basic { username, password } => std::iter::once(username).chain(password).collect(),
        Auth::Placed {} => Vec::new(),
    }
}
