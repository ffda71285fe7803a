//! Where a walk stands.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::file::Changes;
use super::milestone::Milestone;
use super::source::EntityRules;
use crate::domain::{SyncMode, Window};

/// What a sync wants of an entity.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Everything, or what changed.
    pub mode: SyncMode,
    /// Only what was created inside.
    pub window: Option<Window>,
    /// Where the last complete walk left off.
    pub checkpoint: Option<Checkpoint>,
    /// When the run began.
    pub now: DateTime<Utc>,
}

/// From when on the next incremental walk reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Everything that changed before is read already.
    pub through: DateTime<Utc>,
}

/// A position in a walk, to be stored between pages. What it holds is the engine's own affair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    pub(super) walk: Walk,
    pub(super) position: Position,
    /// The checkpoint that the complete walk leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) through: Option<DateTime<Utc>>,
    /// A digest of the ids of the page before: the same page twice would be a walk without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) page_before: Option<String>,
    /// A page read earlier: coming by it again would be one, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) milestone: Option<Milestone>,
    /// Of a feed that is read newest first: the instant at which the page before ended, and the ids already seen at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seam: Option<Seam>,
}

/// What is walked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Walk {
    /// The entity's list, between two times of creation where they are given.
    List {
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<DateTime<Utc>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<DateTime<Utc>>,
        /// A record without an id was met: what was not seen may exist.
        #[serde(default)]
        some_unnamed: bool,
    },
    /// The vendor's feed of changes.
    Feed { since: DateTime<Utc> },
}

/// How the page is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Position {
    Start,
    Page(u64),
    Offset(u64),
    Token(String),
    After(String),
    /// Path and query; the host is always the vendor's own.
    Url(String),
}

/// Where two pages of a newest-first feed meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seam {
    pub at: DateTime<Utc>,
    pub ids: Vec<String>,
}

/// A plan that the vendor's list does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoWindow;

impl Cursor {
    /// The first cursor of the walk that answers `ask`.
    pub(super) fn first(rules: &EntityRules, ask: &Ask) -> Result<Self, NoWindow> {
        // Taken from before the run began, so that what changes while it reads is read again by the next.
        let through = ask.now - TimeDelta::minutes(i64::from(rules.lookback_minutes));
        let whole = Walk::List {
            from: None,
            until: None,
            some_unnamed: false,
        };
        let (walk, through) = match (ask.window, ask.mode, ask.checkpoint) {
            (Some(_), ..) if rules.window.is_none() => return Err(NoWindow),
            // A backfill reads a part, and so says nothing about how far the rest has been read.
            (Some(window), ..) => {
                let part = Walk::List {
                    from: Some(window.from),
                    until: Some(window.until),
                    some_unnamed: false,
                };
                (part, None)
            }
            // A snapshot is a copy set apart: the current records were not brought up to date by it.
            (None, SyncMode::Snapshot, _) => (whole, None),
            (None, SyncMode::Full, _) | (None, SyncMode::Incremental, None) => {
                (whole, Some(through))
            }
            (None, SyncMode::Incremental, Some(checkpoint)) => {
                // A checkpoint from a clock that ran ahead would skip what happened since.
                let since = checkpoint.through.min(through);
                let walk = match &rules.changes {
                    Changes::Feed { .. }
                        if rules.feed.as_ref().is_some_and(|feed| {
                            ask.now - since < TimeDelta::days(i64::from(feed.reaches_back_days))
                        }) =>
                    {
                        Walk::Feed { since }
                    }
                    Changes::Created { .. } => Walk::List {
                        from: Some(since),
                        until: None,
                        some_unnamed: false,
                    },
                    Changes::Feed { .. } | Changes::WholeList { .. } => whole,
                };
                (walk, Some(through))
            }
        };
        Ok(Self {
            walk,
            position: Position::Start,
            through,
            page_before: None,
            milestone: None,
            seam: None,
        })
    }
}
