//! What a vendor's errors mean.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connectors::lift::Pointer;
use crate::domain::FailureKind;

/// What the vendor's errors mean.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Errors {
    /// Where the vendor's message is.
    pub message: Option<Places>,
    /// Where the vendor's code is.
    pub code: Option<Places>,
    /// What an answer of success holds that is an error all the same.
    pub within_success: Option<Pointer>,
    /// A header that says `true` or `false` to "try again".
    pub retry_header: Option<String>,
    /// The first that matches decides; below them stand the rules every connector has.
    #[serde(default)]
    pub rules: Vec<ErrorRule>,
}

/// One place, or several of which the first that holds something counts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a JSON pointer, or several")]
pub(in crate::connectors) enum Places {
    One(Pointer),
    Several(Vec<Pointer>),
}

impl Places {
    pub(in crate::connectors) fn all(&self) -> &[Pointer] {
        match self {
            Self::One(pointer) => std::slice::from_ref(pointer),
            Self::Several(pointers) => pointers,
        }
    }
}

/// What one kind of error means.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct ErrorRule {
    pub status: Vec<u16>,
    /// The vendor's codes; absent: any.
    pub codes: Option<Vec<String>>,
    pub kind: FailureKind,
    pub stays: Stays,
    /// What happened and what to do, for the caller.
    pub say: String,
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::connectors) enum Stays {
    Passing,
    Lasting,
}
