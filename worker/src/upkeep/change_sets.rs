//! Removes change sets that no record belongs to any more, so that whoever follows the changes need not pass over them.

use std::time::{Duration, Instant};

use rail_shared::store::{StoreError, changes};

use crate::Worker;

/// Change sets a round.
const AT_MOST: i64 = 500;
/// Between two rounds, and before a walk begins again.
const EVERY: Duration = Duration::from_secs(5);
const ANEW_AFTER: Duration = Duration::from_secs(60);

/// A walk through all change sets, a few at a time.
#[derive(Debug)]
pub(super) struct Walk {
    after: i64,
    due: Instant,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self {
            after: 0,
            due: Instant::now(),
        }
    }

    /// Goes a step, when it is time for one.
    pub(super) async fn step(&mut self, worker: &Worker) -> Result<(), StoreError> {
        if Instant::now() < self.due {
            return Ok(());
        }
        let mut transaction = worker.store.begin().await?;
        let pruned = changes::prune(&mut transaction, self.after, AT_MOST).await?;
        transaction.commit().await?;
        let (after, pause) = match pruned.last {
            // Where there is much to remove, more of it may follow.
            Some(last) if pruned.removed * 2 > AT_MOST => (last, Duration::ZERO),
            Some(last) => (last, EVERY),
            None => (0, ANEW_AFTER),
        };
        (self.after, self.due) = (after, Instant::now() + pause);
        Ok(())
    }
}
