//! What time it is for budgets.

use tokio::time::Instant;

use crate::domain::Clock;

/// Milliseconds that only grow by the machine's own; or those of a test's clock, which Redis then counts by too.
pub(super) enum Ticks {
    Machine(Instant),
    Of(Clock),
}

impl Ticks {
    pub(super) fn machine() -> Self {
        Self::Machine(Instant::now())
    }

    pub(super) fn now_ms(&self) -> u64 {
        match self {
            Self::Machine(since) => u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            Self::Of(clock) => u64::try_from(clock.now().timestamp_millis()).unwrap_or_default(),
        }
    }

    /// What the scripts are told: 0 has them ask Redis.
    pub(super) fn told_ms(&self) -> u64 {
        match self {
            Self::Machine(_) => 0,
            Self::Of(_) => self.now_ms(),
        }
    }
}
