//! The format of a catalogue file: closed sets, and no field that is not named here.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::lift::Pointer;
use super::times::TimeFormat;
use crate::domain::{Category, ConnectorStatus, FailureKind};

/// One connector.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectorFile {
    pub id: String,
    pub name: String,
    pub category: Category,
    pub status: ConnectorStatus,
    pub features: Vec<String>,
    /// Where requests go unless the operator says otherwise. May hold `{placeholders}` as long as it cannot be used.
    pub base_url: Option<String>,
    /// What a connection must bring, by name.
    #[serde(default)]
    pub credentials: BTreeMap<String, Field>,
    /// Settings of this vendor beside those every connection has, by name.
    #[serde(default)]
    pub config: BTreeMap<String, Field>,
    /// How requests prove who asks.
    pub auth: Option<Auth>,
    /// Sent with every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The cheapest request that proves the credentials.
    pub test: Option<TestCall>,
    /// How lists are read, unless an entity says otherwise.
    pub lists: Option<Lists>,
    /// The feed of changes, where the vendor has one.
    pub feed: Option<Feed>,
    /// What the vendor's errors mean.
    #[serde(default)]
    pub errors: Errors,
    /// In the order they are shown.
    pub entities: Vec<Entity>,
}

/// One text a caller gives.
#[derive(Debug, Clone, Deserialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Need {
    #[default]
    Required,
    Optional,
}

/// Whether it may be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shown {
    #[default]
    Secret,
    Open,
}

/// How requests prove who asks; each names the credentials it takes.
#[derive(Debug, Clone, Deserialize)]
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
}

/// The cheapest request that proves the credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestCall {
    pub path: String,
    /// Asked when the first is forbidden.
    pub fallback: Option<String>,
    /// The header of the answer that tells the API version.
    pub version_header: Option<String>,
    /// What credentials of a certain look may do besides reading.
    #[serde(default)]
    pub grants: Vec<Grant>,
}

/// What a credential that begins with a certain text may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub credential: String,
    pub starts_with: String,
    pub permission: String,
}

/// How lists are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lists {
    /// Where the array of records is in an answer.
    pub records: Pointer,
    /// Where the id is in a record.
    pub id: Pointer,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    /// How one record is read by its id.
    pub item: Option<Item>,
    pub paging: Paging,
    pub page_size: Option<PageSize>,
    /// How a list is limited to a span of the time of creation.
    pub window: Option<WindowFilter>,
    #[serde(default)]
    pub order: Order,
    /// How far before its own beginning a run's checkpoint is set.
    pub lookback_minutes: u32,
    /// How many lists of one connection are read at once, at most 16: as many as the vendor's limits bear.
    #[serde(default = "one_list")]
    pub parallel: u8,
}

const fn one_list() -> u8 {
    1
}

/// How one record is read by its id.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    /// Where it is: `{path}` stands for the path of the entity's list, `{id}` for the record's id.
    pub path: String,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Where the record is in the answer; the whole of it unless said otherwise.
    #[serde(default)]
    pub record: Pointer,
    /// Where an answer of success says `true` when the record was deleted.
    pub deleted: Option<Pointer>,
    /// The vendor's codes of a 404 that says there is no such record; absent: every 404 says so.
    pub missing_codes: Option<Vec<String>>,
}

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    NewestFirst,
    #[default]
    Unordered,
}

/// A time inside a record.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Time {
    pub at: Pointer,
    pub format: TimeFormat,
}

/// How the next page is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Paging {
    /// There is one page.
    None {},
    /// By number; ends at `total_pages` where told, else at a page that is not full.
    Page {
        parameter: String,
        #[serde(default = "one")]
        first: u64,
        total_pages: Option<Pointer>,
    },
    /// By the count of records before; ends at `total` where told, else at a page that is not full.
    Offset {
        parameter: String,
        #[serde(default)]
        first: u64,
        total: Option<Pointer>,
    },
    /// By a text out of the answer; ends where it is absent, null or empty.
    Token { parameter: String, next: Pointer },
    /// By the id of the last record; `more` tells whether there is another page.
    AfterLastId { parameter: String, more: Pointer },
    /// By a URL in the answer; ends where it is absent, null or empty.
    NextUrl { next: Pointer },
    /// By the `Link` header's `rel="next"`.
    LinkHeader {},
}

const fn one() -> u64 {
    1
}

/// How many records a page holds at most.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageSize {
    pub parameter: String,
    pub size: u32,
}

/// The query parameters that limit a list to a half-open span of time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowFilter {
    pub from: String,
    pub until: String,
    pub format: TimeFormat,
}

/// A feed of changes of many entities, newest first.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feed {
    pub path: String,
    /// Where the array of changes is in an answer.
    pub changes: Pointer,
    /// Where the changed record is in a change.
    pub record: Pointer,
    /// Where the change's own id is, by which pages follow each other.
    pub id: Pointer,
    /// Where the change's type is.
    pub change_type: Pointer,
    /// When the change happened.
    pub happened_at: Time,
    /// The query parameter that names a wanted type; sent once for each.
    pub types_parameter: String,
    /// The query parameter for the first instant wanted.
    pub since_parameter: String,
    pub paging: Paging,
    /// How old a checkpoint may be for the feed to be complete since then.
    pub reaches_back_days: u32,
}

/// What the vendor's errors mean.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Errors {
    /// Where the vendor's message is.
    pub message: Option<Pointer>,
    /// Where the vendor's code is.
    pub code: Option<Pointer>,
    /// A header that says `true` or `false` to "try again".
    pub retry_header: Option<String>,
    /// The first that matches decides; below them stand the rules every connector has.
    #[serde(default)]
    pub rules: Vec<ErrorRule>,
}

/// What one kind of error means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorRule {
    pub status: Vec<u16>,
    /// The vendor's codes; absent: any.
    pub codes: Option<Vec<String>>,
    pub kind: FailureKind,
    pub stays: Stays,
    /// What happened and what to do, for the caller.
    pub say: String,
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stays {
    Passing,
    Lasting,
}

/// One collection of the vendor's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entity {
    pub name: String,
    /// The path of its list. Absent: it is named only, and cannot be read yet.
    pub path: Option<String>,
    /// Query parameters of its list.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Where this entity's times differ.
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    /// Where one record of it is read differently.
    pub item: Option<Item>,
    /// How what changed is found.
    pub changes: Option<Changes>,
}

/// How what changed since a checkpoint is found.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Changes {
    /// The feed of changes; the whole list when the checkpoint is older than the feed reaches.
    Feed {
        /// The types of change that carry this entity as it now is.
        changed: Vec<String>,
        /// The types of change that say it is gone.
        #[serde(default)]
        gone: Vec<String>,
    },
    /// Its list, where it was not read before: right only where a record never changes once it is created.
    Created {
        /// Why that is right for this entity.
        because: String,
    },
    /// The whole list each time.
    WholeList {
        /// Why there is no better way.
        because: String,
    },
}
