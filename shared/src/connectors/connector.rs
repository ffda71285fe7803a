//! One connector: its catalogue file, checked and filled in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::credentials::Fields;
use super::define::define;
use super::file::{Auth, BaseUrl, Errors, OAuth, Rate, TestCall};
use super::invalid::InvalidFile;
use super::objects::StoreRules;
use super::permitted::Permitted;
use super::rules::EntityRules;
use super::webhook::WebhookRules;
use super::{OtherEntities, Session, Source, folder};
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
    /// Which others there may be.
    pub others: Option<Permitted>,
    pub credentials: Fields,
    pub config: Fields,
    /// How records are read; absent for a connector that is only listed, and for an object store.
    pub reading: Option<Reading>,
    /// How notices are taken, where the vendor signs its webhooks.
    pub webhook: Option<WebhookRules>,
    /// The object store in which its records are, where they are in one.
    pub store: Option<StoreRules>,
}

/// How records are read.
#[derive(Debug)]
pub(super) struct Reading {
    pub base_url: BaseUrl,
    pub auth: Auth,
    pub oauth: Option<Arc<OAuth>>,
    pub headers: Vec<(String, String)>,
    pub test: TestCall,
    pub errors: Errors,
    pub rate: Option<Rate>,
    pub entities: Vec<EntityRules>,
    /// How many of them are read at once.
    pub parallel: usize,
}

impl Reading {
    /// A listed one.
    pub(super) fn entity(&self, name: &str) -> Option<&EntityRules> {
        self.entities.iter().find(|rules| rules.name == name)
    }
}

impl Definition {
    /// How many requests the vendor bears, where that is known.
    pub(super) fn rate(&self) -> Option<&Rate> {
        match (&self.reading, &self.store) {
            (Some(reading), _) => reading.rate.as_ref(),
            (None, Some(store)) => store.rate.as_ref(),
            (None, None) => None,
        }
    }

    /// How an entity is read, also one that is not listed.
    pub(super) fn rules(&self, name: &str) -> Option<Cow<'_, EntityRules>> {
        let listed = self.reading.as_ref()?.entity(name);
        match (listed, &self.others) {
            (Some(listed), _) => Some(Cow::Borrowed(listed)),
            (None, Some(others)) => others.rules(name).map(Cow::Owned),
            (None, None) => None,
        }
    }
}

impl Connector {
    /// From a catalogue file's text; `base_url` takes the place of the file's own.
    pub(super) fn parse(text: &str, base_url: Option<&str>) -> Result<Self, InvalidFile> {
        Ok(Self {
            definition: Arc::new(define(text, base_url)?),
        })
    }

    /// From the text of a file that an operator wrote.
    ///
    /// # Errors
    /// Every fault of it, with its line.
    pub fn check(text: &str) -> Result<Self, InvalidFile> {
        folder::read_file(text, &BTreeMap::new())
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

    /// Which entities it may have beside those.
    #[must_use]
    pub fn other_entities(&self) -> Option<OtherEntities<'_>> {
        self.definition.others.as_ref().map(Permitted::told)
    }

    /// Whether it has an entity of this name, or may have.
    #[must_use]
    pub fn has_entity(&self, entity: &str) -> bool {
        let others = self.definition.others.as_ref();
        self.entities().any(|name| name == entity)
            || others.is_some_and(|others| others.permits(entity))
    }

    /// Why it has no entity of this name, in words for whoever asked for it.
    #[must_use]
    pub fn lacks(&self, entity: &str) -> String {
        let name = self.name();
        let Some(others) = &self.definition.others else {
            return format!("{name} has no entity of this name.");
        };
        match others.listed_as(entity) {
            Some(listed) => format!("{name} has this as {listed}."),
            None => {
                let expects = others.told().expects;
                format!(
                    "{name} has no entity of this name; another than those listed is {expects}."
                )
            }
        }
    }

    /// Whether the vendor's list of this entity can be limited to a range of days.
    #[must_use]
    pub fn lists_by_date(&self, entity: &str) -> bool {
        let rules = self.definition.rules(entity);
        rules.is_some_and(|rules| rules.window.is_some())
    }

    /// The names of the limits of its rate; none where nothing is known of it.
    pub fn rate_limits(&self) -> impl Iterator<Item = &str> {
        let rate = self.definition.rate();
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

    pub(super) fn oauth(&self) -> Option<&OAuth> {
        self.definition.reading.as_ref()?.oauth.as_deref()
    }

    pub(super) fn definition(&self) -> &Definition {
        &self.definition
    }
}
