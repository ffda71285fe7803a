//! What is walked through.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::connectors::coverage::Span;

/// What is walked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(in crate::connectors) enum Walk {
    /// The entity's list, between two times of creation where they are given.
    List {
        #[serde(flatten)]
        span: Span,
        /// A record without an id was met: what was not seen may exist.
        #[serde(default)]
        some_unnamed: bool,
    },
    /// The vendor's feed of changes.
    Feed { since: DateTime<Utc> },
    /// The list of what changed.
    Changed { since: DateTime<Utc> },
    /// The list of what was removed.
    Removed { since: DateTime<Utc> },
    /// What the vendor tells from a cursor of its own on; everything without one.
    Told {
        #[serde(default)]
        from: Option<String>,
        /// As of a list.
        #[serde(default)]
        some_unnamed: bool,
    },
    /// Nothing: all that was asked for has been read before.
    Nothing,
}

impl Walk {
    /// The whole list.
    pub(in crate::connectors) fn everything() -> Self {
        Self::list(Span::ALL)
    }

    pub(super) fn list(span: Span) -> Self {
        Self::List {
            span,
            some_unnamed: false,
        }
    }

    pub(super) fn told(from: Option<String>) -> Self {
        Self::Told {
            from,
            some_unnamed: false,
        }
    }

    /// Notes that something without an id was met.
    pub(in crate::connectors) fn met_unnamed(&mut self) {
        if let Self::List { some_unnamed, .. } | Self::Told { some_unnamed, .. } = self {
            *some_unnamed = true;
        }
    }

    /// Whether the complete walk names all that there is.
    pub(in crate::connectors) fn enumerates(&self) -> bool {
        match self {
            Self::List { span, some_unnamed } => *span == Span::ALL && !some_unnamed,
            // A cursor that begins at the beginning tells everything.
            Self::Told { from, some_unnamed } => from.is_none() && !some_unnamed,
            Self::Feed { .. } | Self::Changed { .. } | Self::Removed { .. } | Self::Nothing => {
                false
            }
        }
    }
}
