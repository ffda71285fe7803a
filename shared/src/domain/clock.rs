//! The one way to ask for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// The time of day. Leases and due times are judged by Postgres' own clock; this one dates requests and
/// answers, and tests can hold it still.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    held_at_ms: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `instant` until it is moved.
    #[must_use]
    pub fn held_at(instant: DateTime<Utc>) -> Self {
        Self {
            held_at_ms: Some(Arc::new(AtomicI64::new(instant.timestamp_millis()))),
        }
    }

    /// Moves a held clock; the machine's clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Some(held) = &self.held_at_ms {
            held.fetch_add(
                i64::try_from(by.as_millis()).unwrap_or(i64::MAX),
                Ordering::SeqCst,
            );
        }
    }

    /// The time, in whole microseconds as Postgres keeps it.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        #[allow(
            clippy::disallowed_methods,
            reason = "the one place that reads the machine's clock"
        )]
        let machine = Utc::now();
        let now = match &self.held_at_ms {
            Some(held) => {
                DateTime::from_timestamp_millis(held.load(Ordering::SeqCst)).unwrap_or(machine)
            }
            None => machine,
        };
        let below_micros = TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos() % 1_000));
        now - below_micros
    }
}
