//! Where a walk stands.

mod walk;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::bulk::BulkPlace;
use super::checkpoint::{Checkpoint, Gain};
use super::coverage::{Covered, Span};
use super::file::{Changes, Under};
use super::milestone::Milestone;
use super::objects::WalkPlace;
use super::page::Coverage;
use super::rules::EntityRules;
use super::spans::pieces;
use crate::domain::{SyncMode, Window};

pub(super) use walk::Walk;

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
    /// When the walk began by the vendor's clock, where it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) began_at: Option<DateTime<Utc>>,
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
    /// Of pages that meet in an instant: the one at which the page before ended, and the ids already seen at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seam: Option<Seam>,
    /// The walk that follows when this one is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) then: Option<Walk>,
    /// Of an entity that is listed once for each of something: for which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) under: Option<Parents>,
    /// The id that the page before ended with, of a list whose next URLs may die.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_id: Option<String>,
    /// When the walk was planned: an open end of a span that must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) planned_at: Option<DateTime<Utc>>,
    /// How often the vendor had the walk begin at another place.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub(super) restarts: u32,
    /// The list is read page by page, however long it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) in_pages: bool,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
fn is_none_yet(count: &u32) -> bool {
    *count == 0
}

/// What an entity is listed for, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parents {
    /// Those still to come; the last is the one at hand.
    pub pending: Vec<String>,
    /// Where further ones are listed; `None` when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Position>,
}

impl Parents {
    fn of(under: &Under) -> Self {
        match under {
            Under::Each(names) => Self {
                pending: names.iter().rev().cloned().collect(),
                next: None,
            },
            Under::Entity(_) => Self {
                pending: Vec::new(),
                next: Some(Position::Start),
            },
        }
    }
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
    /// Of a list that is read by a job: what is next.
    Bulk(Box<BulkPlace>),
    /// Of an object store: in its listing, and in the object that is read.
    Object(Box<WalkPlace>),
    /// What changed at this instant or later, and of that the page so many steps on.
    Since {
        at: DateTime<Utc>,
        step: u64,
    },
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
    /// At the beginning of a walk that has no further parts.
    pub(super) fn begin(walk: Walk, position: Position, through: Option<DateTime<Utc>>) -> Self {
        Self {
            walk,
            position,
            through,
            began_at: None,
            purpose: Purpose::CatchUp,
            remaining: Vec::new(),
            behind: Covered::default(),
            page_before: None,
            milestone: None,
            seam: None,
            then: None,
            under: None,
            last_id: None,
            planned_at: None,
            restarts: 0,
            in_pages: false,
        }
    }

    /// The first cursor of the walk that answers `ask`.
    pub(super) fn first(rules: &EntityRules, ask: &Ask) -> Result<Self, NoWindow> {
        // Taken from before the run began, so that what changes while it reads is read again by the next.
        let before = ask.now - rules.lookback();
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
            began_at: None,
            purpose,
            remaining,
            behind: Covered::default(),
            page_before: None,
            milestone: None,
            seam: None,
            then: None,
            under: rules.under.as_ref().map(Parents::of),
            last_id: None,
            planned_at: rules
                .window
                .as_ref()
                .and_then(|window| window.at_most_days)
                .map(|_| ask.now),
            restarts: 0,
            in_pages: false,
        };
        // The newest first: it is what people wait for.
        let spans = |wanted: Covered| {
            let mut spans = pieces(rules, wanted, ask.now);
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
            (None, SyncMode::Incremental, Changes::Created { again_days, .. }) => {
                let again = TimeDelta::days(i64::from(*again_days));
                let known = known.before(before - again);
                spans(Covered::from(Span::ALL).without(&known))
            }
            (None, SyncMode::Incremental, Changes::Feed { .. } | Changes::Updated {}) => {
                match rules.told_since(ask.checkpoint.through, before, ask.now) {
                    Some(since) if rules.feed.is_some() => walk(Walk::Feed { since }, Vec::new()),
                    Some(since) => Self {
                        then: rules.removed.is_some().then_some(Walk::Removed { since }),
                        ..walk(Walk::Changed { since }, Vec::new())
                    },
                    None => spans(Covered::from(Span::ALL)),
                }
            }
            (None, SyncMode::Incremental, Changes::Cursor { .. }) => {
                let from = ask.checkpoint.token.clone();
                walk(Walk::told(from), Vec::new())
            }
            (None, SyncMode::Full | SyncMode::Snapshot, Changes::Cursor { .. }) => {
                walk(Walk::told(None), Vec::new())
            }
            (None, SyncMode::Incremental, Changes::WholeList { .. })
            | (None, SyncMode::Full | SyncMode::Snapshot, _) => spans(Covered::from(Span::ALL)),
        })
    }

    /// Takes in what the vendor's clock showed when the walk began.
    pub(super) fn dated(&mut self, vendors: DateTime<Utc>, lookback: TimeDelta) {
        // It counts where it is behind ours: what it dates is what the next walk asks for.
        if let Some(through) = &mut self.through {
            *through = (*through).min(vendors - lookback);
        }
        self.began_at.get_or_insert(vendors);
    }

    /// What the complete walk will have read, as far as it can be told now.
    pub(super) fn coverage(&self, lookback: TimeDelta) -> Coverage {
        match self.through {
            Some(through) if self.walk.enumerates() => Coverage::Everything {
                // By the clock that dates records, or what is gone would be older than changes before.
                began_at: self.began_at.unwrap_or(through + lookback),
            },
            _ => Coverage::Some,
        }
    }

    /// The whole list, in place of a walk that cannot tell all.
    pub(super) fn whole_list(self) -> Self {
        Self {
            walk: Walk::list(Span::ALL),
            then: None,
            ..self.at_start()
        }
    }

    /// The same walk from its first page on.
    pub(super) fn at_start(self) -> Self {
        Self {
            position: Position::Start,
            page_before: None,
            milestone: None,
            seam: None,
            last_id: None,
            ..self
        }
    }

    /// What follows when the pages of this walk are all read: the next span or walk; or nothing, and what was gained.
    /// `token` is the vendor's own cursor, where the walk ends with one.
    pub(super) fn completed(mut self, token: Option<String>) -> (Option<Self>, Option<Gain>) {
        if let Walk::List { span, .. } = self.walk {
            self.behind = self.behind.and(&Covered::from(span));
        }
        if let Some(span) = self.remaining.pop() {
            let next = Self {
                walk: Walk::list(span),
                ..self.at_start()
            };
            return (Some(next), None);
        }
        if let Some(walk) = self.then.take() {
            let next = Self {
                walk,
                ..self.at_start()
            };
            return (Some(next), None);
        }
        let Some(through) = self.through else {
            return (None, None);
        };
        let gain = match (self.walk, self.purpose) {
            (Walk::Feed { since } | Walk::Changed { since } | Walk::Removed { since }, _) => {
                Gain::Changed { since, through }
            }
            (Walk::Told { from, .. }, _) => {
                let told = |token| Gain::Told {
                    from,
                    token,
                    through,
                };
                return (None, token.map(told));
            }
            (Walk::List { .. } | Walk::Nothing, Purpose::Backfill) => {
                Gain::Part(self.behind.before(through))
            }
            (Walk::List { .. } | Walk::Nothing, Purpose::CatchUp) => Gain::Listed {
                coverage: self.behind,
                through,
            },
        };
        (None, Some(gain))
    }
}
