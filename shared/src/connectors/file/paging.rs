//! How the next page is asked for.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Slot;
use crate::connectors::lift::Pointer;

/// How the next page is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::connectors) enum Paging {
    /// There is one page.
    None {},
    /// By number; ends at `total_pages` where told, else at a page that is not full.
    Page {
        parameter: Slot,
        #[serde(default = "one")]
        first: u64,
        total_pages: Option<Pointer>,
    },
    /// By the count of records before; ends at `total` where told, else at a page that is not full.
    Offset {
        parameter: Slot,
        #[serde(default)]
        first: u64,
        total: Option<Pointer>,
    },
    /// By a text out of the answer. Ends where it is absent, null or empty; or, where `more` is given, where that says so.
    Token {
        parameter: Slot,
        next: Pointer,
        more: Option<Pointer>,
        /// The vendor's codes that say that the walk has to begin anew.
        #[serde(default)]
        restart_codes: Vec<String>,
    },
    /// By the id of the last record. `more` tells whether there is another page; or `next`, which then is neither absent nor
    /// null nor empty; without both, a page that is not full ends the list.
    AfterLastId {
        parameter: Slot,
        more: Option<Pointer>,
        next: Option<Pointer>,
    },
    /// By a URL in the answer; ends where it is absent, null or empty.
    NextUrl {
        next: Pointer,
        /// Of a list in the order of the ids: how it is limited to those after the last one, for when the URL has died.
        resume: Option<Slot>,
        /// The vendor's codes that say that it has died.
        #[serde(default)]
        restart_codes: Vec<String>,
    },
    /// By the `Link` header's `rel="next"`.
    LinkHeader {},
    /// By a parameter of the link whose `rel` is `next`, in an array of `{href, rel}`. Its host does not matter.
    NextLink {
        links: Pointer,
        /// The parameter of the link.
        take: String,
        parameter: Slot,
        /// Whether it counts pages, which shift when something on an earlier one is deleted.
        #[serde(default)]
        counted: bool,
    },
    /// Of a list in the order of the last change, oldest first: each page begins where the one before ended, by `since`.
    /// What changes meanwhile moves to the end and is met there, so that nothing is passed over. Within one instant, pages
    /// are counted.
    ByTime {
        /// How pages within one instant are asked for.
        steps: Steps,
        /// How many pages there are, where told; else a page that is not full ends the list.
        total_pages: Option<Pointer>,
    },
}

/// How the pages within one instant are counted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Steps {
    /// Where the count goes; absent: in `{position}`.
    pub parameter: Option<Slot>,
    #[serde(default)]
    pub counts: Counts,
    #[serde(default = "one")]
    pub first: u64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::connectors) enum Counts {
    #[default]
    Pages,
    Records,
}

const fn one() -> u64 {
    1
}
