//! The time inside a sandbox.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock that tests can stop and move. It shows the real time until they do. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Mutex<Shown>>);

#[derive(Debug, Default)]
struct Shown {
    stopped_at_unix_s: Option<i64>,
    /// How far the running clock is ahead of the real time.
    ahead_s: i64,
}

impl Clock {
    /// Unix seconds now.
    pub fn now(&self) -> i64 {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown
            .stopped_at_unix_s
            .unwrap_or_else(|| real_unix_s() + shown.ahead_s)
    }

    /// Stops the clock at this Unix second.
    pub fn set(&self, unix_s: i64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stopped_at_unix_s = Some(unix_s);
    }

    /// Moves the clock on, whether it runs or is stopped.
    pub fn advance(&self, seconds: i64) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut shown.stopped_at_unix_s {
            Some(stopped) => *stopped += seconds,
            None => shown.ahead_s += seconds,
        }
    }
}

fn real_unix_s() -> i64 {
    #[allow(
        clippy::disallowed_methods,
        reason = "the vendor has a clock of its own"
    )]
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_when_told_to_and_a_running_one_runs_ahead() {
        let clock = Clock::default();
        let before = clock.now();
        clock.advance(1_000);
        assert!((before + 1_000..before + 1_060).contains(&clock.now()));
        clock.set(50);
        clock.advance(7);
        assert_eq!(clock.now(), 57);
    }
}
