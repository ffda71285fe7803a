//! Room for the pages of a walk that are read and not committed yet.

use std::time::Duration;

use rail_shared::connectors::Page;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::pages::bytes_of;

/// What a walk holds in memory, about, beside the page that is on its way: a batch and what comes while it is written.
const KIB: u32 = 2_048;

/// A page that was read.
pub(super) struct Fetched<'r> {
    pub page: Page,
    /// How long it was on its way.
    pub took: Duration,
    /// Given back once the page is committed.
    pub place: Option<SemaphorePermit<'r>>,
}

/// Bounded in bytes, because a page may be of any size.
pub(super) struct Room(Semaphore);

impl Room {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(KIB as usize))
    }

    /// A place for a page, as soon as there is one. One that is larger than all of it takes all of it.
    pub(super) async fn take(&self, page: &Page) -> Option<SemaphorePermit<'_>> {
        let places = u32::try_from(bytes_of(page) / 1_024)
            .unwrap_or(KIB)
            .clamp(1, KIB);
        // It is never closed.
        self.0.acquire_many(places).await.ok()
    }
}
