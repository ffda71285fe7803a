//! Rate budgets on the wire.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::budget::{Account, AtOnce, Limit, LimitStanding, Standing};
use rail_shared::domain::{CountedFor, Counting, Priority};
use serde::Serialize;

use super::wire::Word;
use crate::http::answer::Shown;

/// How many requests the vendor of a connection gets, and how many are left.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Budget {
    /// TOGETHER: the requests of all processes are counted in one place. APART: Redis is away, each process keeps to a
    /// share of the limits, and it is not known what is left.
    counting: Word<Counting>,
    /// Until when nobody of the account asks the vendor anything, because it asked for that; null when it did not.
    held_until: Option<DateTime<Utc>>,
    /// How many requests it gets in windows of time; none where nothing is counted.
    limits: Vec<BudgetLimit>,
    /// How many it gets at the same time; null where any number may be.
    at_once: Option<BudgetAtOnce>,
    /// Requests that wait for their turn, those of syncs included that were put off for it; by priority, the most urgent
    /// first, and only where there are some.
    waiting: Vec<BudgetWaiting>,
}

impl Shown for Budget {}

/// So many requests in any window of this length.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct BudgetLimit {
    /// As the connector's file names it.
    name: String,
    /// How many: as the file or the operator says, or fewer where the vendor told so.
    requests: u32,
    /// The length of the window, in seconds.
    per_seconds: u64,
    /// Whose requests are counted.
    counted_for: Word<CountedFor>,
    /// The paths whose requests are counted; all where there are none. One may end in `*`.
    paths: Vec<String>,
    /// How many are left now for the most urgent; null where it is not known.
    remaining: Option<u32>,
    /// When all of them are there again if none is sent meanwhile; null when they are, or it is not known.
    resets_at: Option<DateTime<Utc>>,
}

/// So many requests at the same time.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct BudgetAtOnce {
    /// How many.
    requests: u32,
    /// Whose requests are counted.
    counted_for: Word<CountedFor>,
    /// How many are on their way; null where it is not known.
    in_flight: Option<u32>,
}

/// Requests that wait for their turn.
#[derive(Debug, Serialize, Object)]
struct BudgetWaiting {
    /// How urgent they are: INTERACTIVE (a test of a connection, single records), MANUAL (a sync that was asked for),
    /// SCHEDULED (one that was due), BACKFILL (FULL, SNAPSHOT or a dateRange). The less urgent leave a part of each limit
    /// to the others.
    priority: Word<Priority>,
    /// How many.
    requests: u32,
}

impl Budget {
    /// Of an account whose requests are counted.
    pub fn new(account: Account, standing: Standing) -> Self {
        let Standing {
            counting,
            held_until,
            limits,
            in_flight,
            waiting,
        } = standing;
        let Account {
            digest: _,
            limits: allowed,
            at_once,
        } = account;
        let limits = allowed.into_iter().zip(limits);
        let waiting = waiting.into_iter();
        Self {
            counting: Word(counting),
            held_until,
            limits: limits.map(BudgetLimit::from).collect(),
            at_once: at_once.map(|at_once| BudgetAtOnce::from((at_once, in_flight))),
            waiting: waiting
                .map(|(priority, requests)| BudgetWaiting {
                    priority: Word(priority),
                    requests,
                })
                .collect(),
        }
    }

    /// Of a connection whose requests are not counted.
    pub fn unlimited() -> Self {
        Self {
            counting: Word(Counting::Together),
            held_until: None,
            limits: Vec::new(),
            at_once: None,
            waiting: Vec::new(),
        }
    }
}

impl From<(Limit, LimitStanding)> for BudgetLimit {
    fn from((limit, standing): (Limit, LimitStanding)) -> Self {
        let Limit {
            name,
            requests: _,
            per,
            counted,
            of: _,
            paths,
        } = limit;
        let LimitStanding {
            requests,
            remaining,
            resets_at,
        } = standing;
        Self {
            name,
            requests,
            per_seconds: per.as_secs(),
            counted_for: Word(counted),
            paths,
            remaining,
            resets_at,
        }
    }
}

impl From<(AtOnce, Option<u32>)> for BudgetAtOnce {
    fn from((at_once, in_flight): (AtOnce, Option<u32>)) -> Self {
        let AtOnce {
            requests,
            counted,
            of: _,
        } = at_once;
        Self {
            requests,
            counted_for: Word(counted),
            in_flight,
        }
    }
}
