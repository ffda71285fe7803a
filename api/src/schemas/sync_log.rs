//! The log of a sync on the wire.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::LogKind;
use rail_shared::store::sync_log::{LogPlace, LogRow};
use serde::Serialize;

use super::cursor::NoPosition;
use super::wire::Word;
use crate::http::answer::Shown;

/// Something that happened in a sync.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct LogEntry {
    /// When.
    at: DateTime<Utc>,
    /// What, as a word: of an attempt, that it `attempt-started`, `waited` (put back, none spent), was `retried`, `failed`,
    /// `cancelled`, `completed`, or that its worker vanished (`lease-lost`); `committed`: pages were read and stored;
    /// `left-out`: stands for older commits, which are not kept one by one.
    kind: Word<LogKind>,
    /// Of which entity, where of one.
    entity: Option<String>,
    /// What, in a sentence.
    message: String,
    /// How long it took, in milliseconds: until the vendor had answered; of an attempt that was put back, until the next
    /// one began.
    milliseconds: Option<i64>,
    /// Of commits: what was read and what became of it.
    counts: Option<CommitCounts>,
}

impl Shown for LogEntry {}

/// What was read and what became of it.
#[derive(Debug, Serialize, Object)]
struct CommitCounts {
    /// Requests that were sent.
    requests: i64,
    /// Records read.
    fetched: i64,
    /// Of these: new.
    created: i64,
    /// Changed.
    updated: i64,
    /// As they were.
    unchanged: i64,
    /// Gone.
    deleted: i64,
    /// Could not be stored.
    errors: i64,
}

impl From<LogRow> for LogEntry {
    fn from(row: LogRow) -> Self {
        let LogRow {
            at,
            place: _,
            no: _,
            kind,
            entity,
            attempt,
            told,
            took_ms,
            entries,
            requests,
            fetched,
            created,
            updated,
            unchanged,
            deleted,
            errors,
        } = row;
        let attempt = attempt.unwrap_or_default();
        let message = match kind {
            LogKind::AttemptStarted => {
                let worker = told.unwrap_or_default();
                format!("Attempt {attempt} began, by {worker}.")
            }
            LogKind::Committed => {
                format!("{requests} requests brought {fetched} records, which were committed.")
            }
            LogKind::LeftOut => format!("{entries} commits before are left out here."),
            LogKind::Waited => told
                .unwrap_or_else(|| "Put back, to be gone on with by another attempt.".to_owned()),
            LogKind::LeaseLost => {
                format!(
                    "The worker of attempt {attempt} vanished; another goes on from the last commit."
                )
            }
            LogKind::Cancelled => "Cancelled on request.".to_owned(),
            LogKind::Completed => "Complete.".to_owned(),
            LogKind::Retried | LogKind::Failed => told.unwrap_or_default(),
        };
        let is_commit = matches!(kind, LogKind::Committed | LogKind::LeftOut);
        Self {
            at,
            kind: Word(kind),
            entity,
            message,
            milliseconds: took_ms,
            counts: is_commit.then_some(CommitCounts {
                requests,
                fetched,
                created,
                updated,
                unchanged,
                deleted,
                errors,
            }),
        }
    }
}

/// Where a log goes on, as its cursor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPosition(pub LogPlace);

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogPlace { at_us, place, no } = self.0;
        write!(f, "{at_us}:{place}:{no}")
    }
}

impl FromStr for LogPosition {
    type Err = NoPosition;
    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(NoPosition);
        let (at, place, no) = (part()?, part()?, part()?);
        Ok(Self(LogPlace {
            // No sync ran before computers counted time, nor does one after the year 9999.
            at_us: at
                .parse()
                .ok()
                .filter(|at_us| (0..253_402_300_800_000_000_i64).contains(at_us))
                .ok_or(NoPosition)?,
            place: place.parse().map_err(|_| NoPosition)?,
            no: no.parse().map_err(|_| NoPosition)?,
        }))
    }
}
