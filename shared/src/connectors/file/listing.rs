//! How a list is asked for and where things are in its answers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::{Paging, Slot, Verb};
use crate::connectors::lift::Pointer;
use crate::connectors::times::TimeFormat;

/// How lists are read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Lists {
    #[serde(default)]
    pub method: Verb,
    /// Query parameters of every list.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    pub body: Option<Value>,
    /// Where the array of records is in an answer; a single object is one record.
    pub records: Option<String>,
    /// Where that array is absent because there are no records, rather than because the answer is another one: what is there
    /// then.
    pub empty_if: Option<Pointer>,
    /// Where the id is in a record.
    pub id: Option<Id>,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    /// What marks a record as removed.
    pub gone: Option<Mark>,
    /// How one record is read by its id.
    pub item: Option<Item>,
    pub paging: Paging,
    pub page_size: Option<PageSize>,
    /// How a list is limited to a span of the time of creation.
    pub window: Option<WindowFilter>,
    /// How a list is limited to what changed since an instant.
    pub since: Option<Since>,
    /// Where the names of all fields are learnt, of vendors that send only the fields they are asked for.
    pub fields: Option<FieldsCall>,
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

/// A further way to list an entity: of what changed, or of what was removed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Listing {
    #[serde(default)]
    pub method: Verb,
    pub path: String,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    pub body: Option<Value>,
    pub records: String,
    pub empty_if: Option<Pointer>,
    pub paging: Paging,
    pub page_size: Option<PageSize>,
    pub since: Option<Since>,
    /// An answer with as many records may have left some out: the whole list is read in its place.
    pub cap: Option<u64>,
    /// Of a list of what was removed: how far back it tells.
    pub reaches_back_days: Option<u32>,
    /// The entities it can tell of; absent: all.
    pub of: Option<Vec<String>>,
}

/// Where the id is in a record: one place, or several that are joined by a colon.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a JSON pointer or {parent}, or several")]
pub(in crate::connectors) enum Id {
    One(IdPart),
    Several(Vec<IdPart>),
}

impl Id {
    pub(in crate::connectors) fn parts(&self) -> &[IdPart] {
        match self {
            Self::One(part) => std::slice::from_ref(part),
            Self::Several(parts) => parts,
        }
    }
}

/// A part of an id.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::connectors) enum IdPart {
    /// A value of the record.
    At(Pointer),
    /// That under which the record is listed: `{parent}`.
    Parent,
}

impl JsonSchema for IdPart {
    fn schema_name() -> Cow<'static, str> {
        "IdPart".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A JSON pointer into the record, or {parent}: that under which the record is listed.",
            "type": "string",
            "pattern": r"^(\{parent\}|/.*)?$",
        })
    }
}

impl TryFrom<String> for IdPart {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "{parent}" {
            return Ok(Self::Parent);
        }
        Pointer::try_from(text).map(Self::At)
    }
}

/// What marks a record: this value, as text, at this place.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Mark {
    pub at: Pointer,
    pub equals: String,
}

/// How one record is read by its id.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Item {
    /// Where it is: `{path}` stands for the path of the entity's list, `{id}` for the record's id.
    pub path: String,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Where the record is in the answer; the whole of it unless said otherwise.
    #[serde(default)]
    pub record: String,
    /// Where an answer of success says `true` when the record was deleted.
    pub deleted: Option<Pointer>,
    /// The vendor's codes of a 404 that says there is no such record; absent: every 404 says so.
    pub missing_codes: Option<Vec<String>>,
}

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::connectors) enum Order {
    NewestFirst,
    #[default]
    Unordered,
}

/// A time inside a record.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Time {
    pub at: Pointer,
    pub format: TimeFormat,
}

/// How many records a page holds at most.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct PageSize {
    /// Where it goes; absent: in `{size}`.
    pub parameter: Option<Slot>,
    pub size: u32,
}

/// What limits a list to a half-open span of time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct WindowFilter {
    pub from: Slot,
    pub until: Slot,
    pub format: TimeFormat,
    /// How long a span may be at most; what is longer is read in pieces. Both ends are then always sent.
    pub at_most_days: Option<std::num::NonZeroU32>,
    /// How far back the vendor's records go at most, of a list that must be limited.
    pub reaches_back_days: Option<u32>,
    /// The vendor's codes that say that a span holds too much; it is then halved.
    #[serde(default)]
    pub split_codes: Vec<String>,
}

impl WindowFilter {
    /// Before when the vendor has nothing.
    pub(in crate::connectors) fn earliest(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let reach = self.reaches_back_days;
        reach.map_or(DateTime::UNIX_EPOCH, |days| {
            now - TimeDelta::days(i64::from(days))
        })
    }
}

/// What limits a list to what changed since an instant.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Since {
    pub slot: Slot,
    pub format: TimeFormat,
    /// How much earlier than wanted it is asked for, where the vendor's limit is exclusive or coarser than its times.
    #[serde(default)]
    pub overlap_seconds: u32,
}

/// Where the names of an entity's fields are learnt.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct FieldsCall {
    pub path: String,
    /// Where the array of fields is.
    pub fields: Pointer,
    /// Where the name is in a field.
    pub name: Pointer,
    /// Where its type is.
    pub kind: Option<Pointer>,
    /// Fields of these types are not asked for.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// What stands between two names in `{fields}`.
    pub join: String,
    /// What stands for the fields where the vendor knows no such place.
    pub otherwise: Option<Vec<String>>,
    /// Where the answer tells what the vendor calls an entity that `[any_entity]` permits: what it calls otherwise, if
    /// only by large letters, is refused, or it would be stored under each of its names.
    pub called: Option<Pointer>,
    /// Fields without one of which what changed cannot be told: then everything is read in its place.
    #[serde(default)]
    pub changes_need: Vec<String>,
    /// Fields without one of which a list cannot be limited by `window`: then that is refused.
    #[serde(default)]
    pub window_needs: Vec<String>,
}

/// What an entity is listed for one by one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(in crate::connectors) enum Under {
    /// Each record of another entity.
    Entity(String),
    /// Each of these.
    Each(Vec<String>),
}
