//! The slots of one kind of job: what limits how many run at once, whichever way they are started.

use std::sync::Arc;

use rail_shared::queue::Ring;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The receiving end, for the loop that runs the jobs.
#[derive(Debug)]
pub struct Pool {
    pub(super) size: u32,
    pub(super) slots: Arc<Semaphore>,
    pub(super) direct: mpsc::Receiver<(Ring, OwnedSemaphorePermit)>,
}

/// The giving end, for whoever finds a job that waits while Redis is away. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Starter {
    slots: Arc<Semaphore>,
    direct: mpsc::Sender<(Ring, OwnedSemaphorePermit)>,
}

/// A pool of this many slots, and what starts jobs in it.
#[must_use]
pub fn pool(size: usize) -> (Pool, Starter) {
    let slots = Arc::new(Semaphore::new(size));
    let (starts, direct) = mpsc::channel(size.max(1));
    let pool = Pool {
        size: u32::try_from(size).unwrap_or(u32::MAX),
        slots: slots.clone(),
        direct,
    };
    let starter = Starter {
        slots,
        direct: starts,
    };
    (pool, starter)
}

impl Starter {
    /// Starts a job if a slot is free; returns whether one was.
    #[must_use]
    pub fn start(&self, ring: Ring) -> bool {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            return false;
        };
        self.direct.try_send((ring, slot)).is_ok()
    }
}
