//! The format of a catalogue file: closed sets, and no field that is not named here.
//!
//! Texts of requests may hold `{placeholders}`: the name of a credential, of a setting or of one of the entity's
//! `values`, and the words of the engine: `{path}` and `{name}` (the entity's own), `{id}` (the record's), `{size}`,
//! `{position}`, `{parent}`, `{fields}` and `{where}` (all conditions, with ` WHERE ` before them, or nothing).

mod bulk;
mod changes;
mod errors;
mod listing;
mod oauth;
mod paging;
mod rate;
mod slot;
mod webhook;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub(super) use self::bulk::{Bulk, BulkWay};
pub(super) use self::changes::{Changes, Feed};
pub(super) use self::errors::{ErrorRule, Errors, Stays};
pub(super) use self::listing::{
    FieldsCall, IdPart, Item, Listing, Lists, Mark, Order, PageSize, Since, Time, Under,
    WindowFilter,
};
pub(super) use self::oauth::{ClientProof, FactsCall, GrantType, OAuth, UserGrant};
pub(super) use self::paging::{Counts, Paging};
pub(super) use self::rate::{OnlyFor, Rate, ResetFormat, ToldBy, Whose};
pub(super) use self::slot::Slot;
pub(super) use self::webhook::{
    Account, EventId, Form, IdPlace, KeyCall, Piece, Signature, Webhook, Written,
};
use super::objects::StoreRules;
use crate::domain::{Category, ConnectorStatus};
use crate::http::Method;

/// One connector.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectorFile {
    pub id: String,
    pub name: String,
    pub category: Category,
    pub status: ConnectorStatus,
    pub features: Vec<String>,
    /// Where requests go unless the operator says otherwise.
    pub base_url: Option<BaseUrl>,
    /// What a connection must bring, by name.
    #[serde(default)]
    pub credentials: BTreeMap<String, Field>,
    /// Settings of this vendor beside those every connection has, by name.
    #[serde(default)]
    pub config: BTreeMap<String, Field>,
    /// The object store in which its records are; it then needs none of what follows.
    pub store: Option<StoreRules>,
    /// How requests prove who asks.
    pub auth: Option<Auth>,
    /// How tokens are fetched, with `auth` of the kind `oauth2`.
    pub oauth: Option<OAuth>,
    /// Sent with every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The cheapest request that proves the credentials.
    pub test: Option<TestCall>,
    /// How lists are read, unless an entity says otherwise.
    pub lists: Option<Lists>,
    /// How what changed since an instant is listed, where that is another request.
    pub changed: Option<Listing>,
    /// How what was removed is listed; it is read after what changed.
    pub removed: Option<Listing>,
    /// How a long list is read in place of page by page, where the vendor has a way.
    pub bulk: Option<Bulk>,
    /// The feed of changes, where the vendor has one.
    pub feed: Option<Feed>,
    /// The webhooks by which the vendor reports changes, where it signs them.
    pub webhook: Option<Webhook>,
    /// What the vendor's errors mean.
    #[serde(default)]
    pub errors: Errors,
    /// How many requests it bears. Absent: nothing is known, and nothing is counted.
    pub rate: Option<Rate>,
    /// In the order they are shown.
    pub entities: Vec<Entity>,
    /// Which others there may be, of vendors whose customers make collections of their own.
    pub any_entity: Option<AnyEntity>,
}

/// Where requests go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a URL, or a table of by, default and urls")]
pub(super) enum BaseUrl {
    /// One place for all.
    One(String),
    /// A place for each value of a credential or setting.
    By(BaseUrls),
}

/// Places by the value of a credential or setting.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BaseUrls {
    /// The credential or setting.
    pub by: String,
    /// The value where none is given.
    pub default: String,
    /// The places, by value.
    pub urls: BTreeMap<String, String>,
}

/// One text a caller gives.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    pub title: String,
    pub description: Option<String>,
    #[serde(default)]
    pub need: Need,
    #[serde(default)]
    pub shown: Shown,
    /// What the whole text must match, besides a reference.
    pub pattern: Option<String>,
    /// The pattern in words.
    pub expects: Option<String>,
    /// The closed set it must be from.
    pub one_of: Option<Vec<String>>,
}

/// Whether it may be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Need {
    #[default]
    Required,
    Optional,
}

/// Whether it may be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shown {
    #[default]
    Secret,
    Open,
}

/// How requests prove who asks; each names the credentials it takes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Auth {
    /// `Authorization: Bearer …`.
    Bearer { credential: String },
    /// A header of the vendor's own.
    Header {
        name: String,
        #[serde(default)]
        prefix: String,
        credential: String,
    },
    /// A query parameter.
    Query { name: String, credential: String },
    /// `Authorization: Basic …`.
    Basic {
        username: String,
        /// Absent: an empty password.
        password: Option<String>,
    },
    /// `Authorization: Bearer …` with a token that `[oauth]` says how to fetch.
    #[serde(rename = "oauth2")]
    OAuth2 {},
    /// The requests' own headers or bodies name the credentials.
    Placed {},
}

/// How a request is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Verb {
    #[default]
    Get,
    Post,
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::Get,
            Verb::Post => Self::Post,
        }
    }
}

/// The cheapest request that proves the credentials.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestCall {
    #[serde(default)]
    pub method: Verb,
    pub path: String,
    /// The body, where it has one.
    pub body: Option<Value>,
    /// Asked when the first is forbidden.
    pub fallback: Option<String>,
    /// The header of the answer that tells the API version.
    pub version_header: Option<String>,
    /// What credentials of a certain look may do besides reading.
    #[serde(default)]
    pub grants: Vec<Grant>,
}

/// What a credential that begins with a certain text may do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub credential: String,
    pub starts_with: String,
    pub permission: String,
}

/// Entities that are not listed: what has a name of this form may be asked for, and is read as a listed one is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnyEntity {
    /// What the whole of a name must match. It has letters, digits, underscores and hyphens, whatever this lets through.
    pub pattern: String,
    /// The pattern in words: what the name is, and an example.
    pub expects: String,
    /// The one of the values into which the name goes.
    pub value: String,
    /// The listed entity as which they are read, with another name and value.
    pub like: String,
    /// The path of their lists, where it is another.
    pub path: Option<String>,
}

/// One collection of the vendor's. What it does not say itself is as `[lists]` says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entity {
    pub name: String,
    /// The path of its list. Absent: it is named only, and cannot be read yet.
    pub path: Option<String>,
    /// Texts for the placeholders of its requests and pointers.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Query parameters of its list.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// A condition of its list, in the vendor's query language.
    #[serde(rename = "where")]
    pub condition: Option<String>,
    /// The body of its list's request.
    pub body: Option<Value>,
    /// Where the array of records is in an answer.
    pub records: Option<String>,
    /// Where the id is in a record.
    pub id: Option<listing::Id>,
    /// Where its times differ.
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    /// Where its list is paged differently.
    pub paging: Option<Paging>,
    pub page_size: Option<PageSize>,
    /// Where its list is limited to a span of time differently.
    pub window: Option<WindowFilter>,
    /// Where its list holds only what changed in so many days, so that what is not in it may be there yet.
    pub lists_days: Option<u32>,
    /// Where one record of it is read differently.
    pub item: Option<Item>,
    /// Where it is listed once for each of something.
    pub under: Option<Under>,
    /// How what changed is found.
    pub changes: Option<Changes>,
}
