//! Where a walk stands.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, Gain};
use super::coverage::{Covered, Span};
use super::file::Changes;
use super::milestone::Milestone;
use super::source::EntityRules;
use crate::domain::{SyncMode, Window};

/// What a sync wants of an entity.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Everything, or what changed.
    pub mode: SyncMode,
    /// Only what was created inside.
    pub window: Option<Window>,
    /// What complete walks have read before.
    pub checkpoint: Checkpoint,
    /// When the run began.
    pub now: DateTime<Utc>,
}

/// A position in a walk, to be stored between pages. What it holds is the engine's own affair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    pub(super) walk: Walk,
    pub(super) position: Position,
    /// Up to when the complete walk can vouch for what it read; without it, it leaves no checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) through: Option<DateTime<Utc>>,
    /// What the complete walk says.
    #[serde(default)]
    pub(super) purpose: Purpose,
    /// Spans of the list that are read after this one; the last is the next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) remaining: Vec<Span>,
    /// Spans of the list that were read before this one.
    #[serde(default, skip_serializing_if = "Covered::is_empty")]
    pub(super) behind: Covered,
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
        #[serde(flatten)]
        span: Span,
        /// A record without an id was met: what was not seen may exist.
        #[serde(default)]
        some_unnamed: bool,
    },
    /// The vendor's feed of changes.
    Feed { since: DateTime<Utc> },
    /// Nothing: all that was asked for has been read before.
    Nothing,
}

/// What a complete walk says of its entity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Purpose {
    /// That it is as the vendor has it.
    #[default]
    CatchUp,
    /// That a part of it was read, and nothing of how far the rest has been.
    Backfill,
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

impl Walk {
    fn list(span: Span) -> Self {
        Self::List {
            span,
            some_unnamed: false,
        }
    }
}

impl Cursor {
    /// The first cursor of the walk that answers `ask`.
    pub(super) fn first(rules: &EntityRules, ask: &Ask) -> Result<Self, NoWindow> {
        // Taken from before the run began, so that what changes while it reads is read again by the next.
        let before = ask.now - TimeDelta::minutes(i64::from(rules.lookback_minutes));
        // A checkpoint from a clock that ran ahead would skip what happened since.
        let known = ask.checkpoint.coverage.before(before);
        let (through, purpose) = match (ask.mode, ask.window) {
            // A snapshot is a copy set apart: the current records were not brought up to date by it.
            (SyncMode::Snapshot, _) => (None, Purpose::CatchUp),
            (SyncMode::Full | SyncMode::Incremental, Some(_)) => (Some(before), Purpose::Backfill),
            (SyncMode::Full | SyncMode::Incremental, None) => (Some(before), Purpose::CatchUp),
        };
        let walk = |walk, remaining| Self {
            walk,
            position: Position::Start,
            through,
            purpose,
            remaining,
            behind: Covered::default(),
            page_before: None,
            milestone: None,
            seam: None,
        };
        // The newest first: it is what people wait for.
        let spans = |wanted: Covered| {
            let mut spans = Vec::from(wanted);
            match spans.pop() {
                Some(newest) => walk(Walk::list(newest), spans),
                None => walk(Walk::Nothing, Vec::new()),
            }
        };
        Ok(match (ask.window, ask.mode, &rules.changes) {
            (Some(_), ..) if rules.window.is_none() => return Err(NoWindow),
            (Some(window), SyncMode::Incremental, _) => {
                spans(Covered::from(Span::from(window)).without(&known))
            }
            (Some(window), SyncMode::Full | SyncMode::Snapshot, _) => {
                spans(Covered::from(Span::from(window)))
            }
            // What never changes once it is created is read once: each hole, and what came since.
            (None, SyncMode::Incremental, Changes::Created { .. }) => {
                spans(Covered::from(Span::ALL).without(&known))
            }
            (None, SyncMode::Incremental, Changes::Feed { .. }) => {
                match rules.feed_since(ask.checkpoint.through, before, ask.now) {
                    Some(since) => walk(Walk::Feed { since }, Vec::new()),
                    None => spans(Covered::from(Span::ALL)),
                }
            }
            (None, SyncMode::Incremental, Changes::WholeList { .. })
            | (None, SyncMode::Full | SyncMode::Snapshot, _) => spans(Covered::from(Span::ALL)),
        })
    }

    /// What follows when the pages of this walk are all read: the next span; or nothing, and what was gained.
    pub(super) fn completed(mut self) -> (Option<Self>, Option<Gain>) {
        if let Walk::List { span, .. } = self.walk {
            self.behind = self.behind.and(&Covered::from(span));
        }
        if let Some(span) = self.remaining.pop() {
            let next = Self {
                walk: Walk::list(span),
                position: Position::Start,
                page_before: None,
                milestone: None,
                seam: None,
                ..self
            };
            return (Some(next), None);
        }
        let gain = self.through.map(|through| match (self.walk, self.purpose) {
            (Walk::Feed { since }, _) => Gain::Changed { since, through },
            (Walk::List { .. } | Walk::Nothing, Purpose::Backfill) => {
                Gain::Part(self.behind.before(through))
            }
            (Walk::List { .. } | Walk::Nothing, Purpose::CatchUp) => Gain::Listed {
                coverage: self.behind,
                through,
            },
        });
        (None, gain)
    }
}
