//! Forgets runs of exports that ended long ago; their files stay where they are.

use std::time::{Duration, Instant};

use rail_shared::domain::RunId;
use rail_shared::store::{StoreError, old_runs};

use crate::Worker;

/// Runs a step, whether they are old or not.
const AT_MOST: i64 = 200;
/// Between two steps, and between two walks through all runs.
const EVERY: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_mins(10);

/// A walk through all runs, a few at a time.
#[derive(Debug)]
pub(super) struct Walk {
    after: Option<RunId>,
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
        let Some(kept) = worker.config.runs_kept else {
            return Ok(());
        };
        if Instant::now() < self.due {
            return Ok(());
        }
        let mut conn = worker.store.connect().await?;
        let ended_before = worker.clock.now() - kept;
        self.after = old_runs::forget(&mut conn, self.after, ended_before, AT_MOST).await?;
        let pause = match self.after {
            Some(_) => EVERY,
            None => AGAIN,
        };
        self.due = Instant::now() + pause;
        Ok(())
    }
}
