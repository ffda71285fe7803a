//! How what changed is found.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Paging, Time};
use crate::connectors::lift::Pointer;

/// How what changed since a checkpoint is found.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::connectors) enum Changes {
    /// The feed of changes; the whole list when the checkpoint is older than the feed reaches.
    Feed {
        /// The types of change that carry this entity as it now is.
        changed: Vec<String>,
        /// The types of change that say it is gone.
        #[serde(default)]
        gone: Vec<String>,
    },
    /// Its list, limited to what changed since, and then what the vendor lists as removed.
    Updated {},
    /// The vendor's own cursor: the whole walk goes on from the token that the one before ended with.
    Cursor {
        /// The arrays of an answer whose records are removed ones, beside the array of records.
        #[serde(default)]
        gone: Vec<Pointer>,
        /// Further arrays of records.
        #[serde(default)]
        also: Vec<Pointer>,
    },
    /// Its list, where it was not read before: right only where a record never changes once it is created, or no more
    /// than so many days later.
    Created {
        /// Why that is right for this entity.
        because: String,
        /// How many of the last days are read again each time.
        #[serde(default)]
        again_days: u32,
    },
    /// The whole list each time.
    WholeList {
        /// Why there is no better way.
        because: String,
    },
}

/// A feed of changes of many entities, newest first.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Feed {
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
