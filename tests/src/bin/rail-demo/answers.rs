//! What the api answers, as far as the demonstration reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    pub connection_id: String,
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub struct TestResult {
    pub success: bool,
    /// Milliseconds.
    #[serde(default)]
    pub latency: u64,
    pub version: Option<String>,
    pub error: Option<JobError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        })
    }
}

/// Why something did not work: a code or kind, and words for people.
#[derive(Debug, Deserialize)]
pub struct JobError {
    #[serde(alias = "kind")]
    code: Option<String>,
    #[serde(alias = "message")]
    detail: Option<String>,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, &self.detail) {
            (Some(code), Some(detail)) => write!(f, "{detail} ({code})"),
            (Some(only), None) | (None, Some(only)) => f.write_str(only),
            (None, None) => f.write_str("no reason given"),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EntityStats {
    pub fetched: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    pub errors: u64,
}

pub type Stats = BTreeMap<String, EntityStats>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sync {
    pub status: JobStatus,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub stats: Stats,
    pub error: Option<JobError>,
}

impl Sync {
    pub fn fetched(&self) -> u64 {
        self.stats.values().map(|entity| entity.fetched).sum()
    }

    pub fn took(&self) -> Option<Duration> {
        between(self.started_at, self.completed_at)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    pub export_id: String,
    pub name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportRun {
    pub status: JobStatus,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub rows: u64,
    #[serde(default)]
    pub files: Vec<ExportFile>,
    pub error: Option<JobError>,
}

impl ExportRun {
    pub fn took(&self) -> Option<Duration> {
        between(self.started_at, self.completed_at)
    }
}

#[derive(Debug, Deserialize)]
pub struct ExportFile {
    pub path: String,
    pub bytes: u64,
}

fn between(start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>) -> Option<Duration> {
    (end? - start?).to_std().ok()
}
