//! One attempt at telling a receiver of something: the events module makes it, the store keeps it.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// What was sent and what came back.
#[derive(Debug, Clone)]
pub struct Sent {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub latency: Duration,
    /// The status of the answer; `None` without one.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub answer: Option<String>,
    /// Why it does not count as taken.
    pub error: Option<String>,
}
