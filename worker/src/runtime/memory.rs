//! What the syncs of a process hold in memory together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// What all walks hold of pages that are not committed yet, about.
const PAGES: usize = 64 * 1024 * 1024;
/// And what one of them does: a batch, and what comes while it is written. More would not make it faster.
const PAGES_OF_A_WALK: usize = 2 * 1024 * 1024;
/// Batches that are written at once. Each is there several times over meanwhile: as pages, as the values of a statement and
/// as what goes to Postgres, whose connection keeps room for the largest it ever sent.
const BATCHES: usize = 8;

/// Bounds it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Memory {
    walks: Arc<AtomicUsize>,
    batches: Arc<Semaphore>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            walks: Arc::default(),
            batches: Arc::new(Semaphore::new(BATCHES)),
        }
    }
}

impl Memory {
    /// Room for the pages of one more walk. All have the same share of it, so no walk waits for another.
    #[must_use]
    pub fn room(&self) -> Room {
        self.walks.fetch_add(1, Ordering::Relaxed);
        Room {
            memory: self.clone(),
            held: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// A place among the batches that are written, as soon as there is one; `None` never, as it is never closed.
    pub async fn batch(&self) -> Option<SemaphorePermit<'_>> {
        self.batches.acquire().await.ok()
    }
}

/// Room for the pages of a walk that are read and not committed yet; bounded in bytes, because a page may be of any size.
#[derive(Debug)]
pub struct Room {
    memory: Memory,
    held: AtomicUsize,
    freed: Notify,
}

impl Room {
    /// How large a batch becomes: half of what the walk may hold, so that the next is read while it is written.
    #[must_use]
    pub fn batch_bytes(&self) -> usize {
        self.share() / 2
    }

    fn share(&self) -> usize {
        let walks = self.memory.walks.load(Ordering::Relaxed).max(1);
        (PAGES / walks).min(PAGES_OF_A_WALK)
    }

    /// Returns once another page may be read. What is held by then is more than a batch, so it is about to be committed.
    pub async fn for_another(&self) {
        while self.held.load(Ordering::Acquire) >= self.share() {
            self.freed.notified().await;
        }
    }

    /// Reserves the room of a page that was read, however large it is.
    #[must_use]
    pub fn reserve(&self, bytes: usize) -> Reserved<'_> {
        self.held.fetch_add(bytes, Ordering::AcqRel);
        Reserved { room: self, bytes }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.memory.walks.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The room of a page, given back when dropped.
#[derive(Debug)]
pub struct Reserved<'r> {
    room: &'r Room,
    bytes: usize,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.room.held.fetch_sub(self.bytes, Ordering::AcqRel);
        self.room.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn may_read(room: &Room) -> bool {
        room.for_another().now_or_never().is_some()
    }

    #[test]
    fn a_walk_reads_on_until_it_holds_two_batches_and_again_once_one_is_committed() {
        let room = Memory::default().room();
        let first = room.reserve(room.batch_bytes());
        assert!(may_read(&room));
        let _second = room.reserve(room.batch_bytes());
        assert!(!may_read(&room));
        drop(first);
        assert!(may_read(&room));
    }

    #[test]
    fn whoever_waits_for_room_is_woken_when_a_page_is_committed() {
        let room = Memory::default().room();
        let page = room.reserve(PAGES_OF_A_WALK);
        let mut waits = std::pin::pin!(room.for_another());
        assert!(waits.as_mut().now_or_never().is_none());
        drop(page);
        assert!(waits.now_or_never().is_some());
    }

    #[test]
    fn a_page_larger_than_the_share_is_taken_and_is_a_batch_by_itself() {
        let room = Memory::default().room();
        let _page = room.reserve(10 * PAGES_OF_A_WALK);
        assert!(!may_read(&room));
    }

    #[test]
    fn many_walks_share_what_one_would_have_and_get_it_back_as_others_end() {
        let memory = Memory::default();
        let alone = memory.room().batch_bytes();
        let rooms: Vec<Room> = (0..1_000).map(|_| memory.room()).collect();
        let total: usize = rooms.iter().map(Room::share).sum();
        assert!((PAGES / 2..=PAGES).contains(&total), "{total}");
        drop(rooms);
        assert_eq!(memory.room().batch_bytes(), alone);
    }

    #[test]
    fn no_more_batches_than_that_are_written_at_once() {
        let memory = Memory::default();
        let written: Vec<_> = (0..BATCHES)
            .map(|_| memory.batch().now_or_never().unwrap())
            .collect();
        assert!(memory.batch().now_or_never().is_none());
        drop(written);
        assert!(memory.batch().now_or_never().is_some());
    }
}
