//! Wraps the secrets that are kept by the first master key, so that the others may leave the ring.

use std::time::{Duration, Instant};

use rail_shared::store::StoreError;
use rail_shared::store::wrapping::{SecretPlace, wrap_again};

use crate::Worker;

/// Secrets a step, whichever key wraps them.
const AT_MOST: u16 = 200;
/// Between two steps, and between two walks through all secrets: a worker that was started before the keys changed places may
/// still seal with another.
const EVERY: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_mins(10);

/// A walk through all secrets, a few at a time.
#[derive(Debug)]
pub(super) struct Walk {
    place: SecretPlace,
    again: u32,
    lost: u32,
    due: Instant,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self {
            place: SecretPlace::default(),
            again: 0,
            lost: 0,
            due: Instant::now(),
        }
    }

    /// Goes a step, when it is time for one.
    pub(super) async fn step(&mut self, worker: &Worker) -> Result<(), StoreError> {
        if Instant::now() < self.due {
            return Ok(());
        }
        let mut conn = worker.store.connect().await?;
        let wrapped = wrap_again(&mut conn, &worker.key_ring, self.place, AT_MOST).await?;
        self.again += wrapped.again;
        for (of, why) in wrapped.lost {
            self.lost += 1;
            tracing::error!(%of, %why, "the secrets of a connection or webhook cannot be opened");
        }
        match wrapped.next {
            Some(next) => {
                self.place = next;
                self.due = Instant::now() + EVERY;
            }
            None => self.end(worker.key_ring.ids().next()),
        }
        Ok(())
    }

    fn end(&mut self, key: Option<&str>) {
        let (again, lost) = (self.again, self.lost);
        if again + lost > 0 {
            tracing::info!(
                key,
                again,
                lost,
                "secrets were wrapped by the first master key"
            );
        }
        *self = Self {
            due: Instant::now() + AGAIN,
            ..Self::new()
        };
    }
}
