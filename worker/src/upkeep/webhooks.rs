//! Wakes webhooks that have something to send and that nobody woke, and keeps the log of events and that of attempts as long
//! as the operator wants.

use std::time::Duration;

use rail_shared::store::webhooks::{self, Whose};
use rail_shared::store::{StoreError, events};
use tokio::time::Instant;

use crate::Worker;
use crate::runtime;

/// Events of a tenant and attempts that are forgotten a round.
const AT_MOST: i64 = 1_000;

/// Between two looks for webhooks that nobody woke.
const WAKE_EVERY: Duration = Duration::from_secs(1);
/// Between two looks for what is old, while there is no more than one round forgets.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// When what is done next.
pub(super) struct Walk {
    wake: Instant,
    forget: Instant,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self {
            wake: Instant::now(),
            forget: Instant::now(),
        }
    }

    /// Wakes those that nobody woke, when it is time to look.
    pub(super) async fn wake(&mut self, worker: &Worker) -> Result<(), StoreError> {
        if Instant::now() >= self.wake {
            self.wake = Instant::now() + WAKE_EVERY;
            runtime::wake(&worker.store, &worker.ringer, Whose::All).await?;
        }
        Ok(())
    }

    /// Forgets what is old, when it is time to.
    pub(super) async fn forget_old(&mut self, worker: &Worker) -> Result<(), StoreError> {
        if Instant::now() >= self.forget {
            let mut conn = worker.store.connect().await?;
            let days = worker.config.events_kept_days;
            let events = events::forget_old(&mut conn, days, AT_MOST).await?;
            let attempts = webhooks::forget_old(&mut conn, days, AT_MOST).await?;
            let more = events.max(attempts) >= usize::try_from(AT_MOST).unwrap_or(usize::MAX);
            self.forget = Instant::now() + if more { Duration::ZERO } else { FORGET_EVERY };
        }
        Ok(())
    }
}
