//! Forgets what syncs kept aside for a sweep that will never be.

use std::time::{Duration, Instant};

use rail_shared::domain::SyncId;
use rail_shared::store::{StoreError, kept_aside};

use crate::Worker;

/// Syncs a round, and rows of them: each holds the ids of about a batch.
const SYNCS: i64 = 200;
const ROWS: i64 = 1_000;
/// Between two rounds.
const EVERY: Duration = Duration::from_secs(5);

/// A walk through all syncs that keep something, a few at a time.
#[derive(Debug)]
pub(super) struct Walk {
    after: Option<SyncId>,
    due: Instant,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self {
            after: None,
            due: Instant::now(),
        }
    }

    /// Goes a step, when it is time for one.
    pub(super) async fn step(&mut self, worker: &Worker) -> Result<(), StoreError> {
        if Instant::now() < self.due {
            return Ok(());
        }
        let mut conn = worker.store.connect().await?;
        let forgotten = kept_aside::forget_useless(&mut conn, self.after, SYNCS, ROWS).await?;
        if forgotten.removed >= ROWS {
            // More of the same syncs may follow, and at once.
            return Ok(());
        }
        self.after = forgotten.last;
        self.due = Instant::now() + EVERY;
        Ok(())
    }
}
