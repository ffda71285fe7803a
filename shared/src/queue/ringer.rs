//! Whoever accepted a job rings here: at once, without waiting and without failing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apalis_core::backend::TaskSink;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::rings::{PUSH_AT_MOST, Rings};
use super::{Doorbell, Ring, pause_after};
use crate::domain::JobKind;

/// Rings that may wait to be pushed.
const WAITING_AT_MOST: usize = 10_000;
/// A batch that could not be pushed for this long is given up: upkeep rings again, and newer rings wait behind it.
const PUSH_WITHIN: Duration = Duration::from_secs(2);

/// Rings for jobs from the background. Cheap to clone; all clones share one queue and one task.
#[derive(Debug, Clone)]
pub struct Ringer {
    queue: mpsc::Sender<(JobKind, Ring)>,
    dropped: Arc<AtomicU64>,
    closing: CancellationToken,
    closed: CancellationToken,
    abandon: CancellationToken,
}

impl Ringer {
    /// Starts the task that pushes. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(doorbell: &Doorbell) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING_AT_MOST);
        let ringer = Self {
            queue,
            dropped: Arc::default(),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            abandon: CancellationToken::new(),
        };
        let never = CancellationToken::new();
        let lists = JobKind::ALL
            .iter()
            .map(|kind| {
                (
                    *kind,
                    doorbell.rings(*kind, Arc::new(Semaphore::new(0)), &never),
                )
            })
            .collect();
        let mut push = Push {
            lists,
            waiting,
            batch: Vec::new(),
            dropped: ringer.dropped.clone(),
        };
        let (closing, abandon) = (ringer.closing.clone(), ringer.abandon.clone());
        let closed = ringer.closed.clone().drop_guard();
        tokio::spawn(async move {
            let _closed = closed;
            if abandon
                .run_until_cancelled(push.run(&closing))
                .await
                .is_none()
            {
                push.waiting.close();
                push.give_up(push.batch.len() + push.waiting.len());
            }
        });
        ringer
    }

    /// Rings for a job. What does not fit is dropped and counted.
    pub fn ring(&self, kind: JobKind, ring: Ring) {
        if self.queue.try_send((kind, ring)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many rings were given up since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes no more rings, pushes those that wait, and gives the rest up when the time is over.
    pub async fn close(self, within: Duration) {
        self.closing.cancel();
        if tokio::time::timeout(within, self.closed.cancelled())
            .await
            .is_err()
        {
            self.abandon.cancel();
            self.closed.cancelled().await;
        }
    }
}

struct Push {
    lists: Vec<(JobKind, Rings)>,
    waiting: mpsc::Receiver<(JobKind, Ring)>,
    batch: Vec<(JobKind, Ring)>,
    dropped: Arc<AtomicU64>,
}

impl Push {
    /// Pushes what waits, in batches, until it is closing and nothing waits or nobody is left to ring.
    async fn run(&mut self, closing: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                taken = self.waiting.recv_many(&mut self.batch, PUSH_AT_MOST) => if taken == 0 { return },
                () = closing.cancelled() => { self.waiting.close(); continue }
            }
            for place in 0..self.lists.len() {
                self.push_to(place).await;
            }
            self.batch.clear();
        }
    }

    async fn push_to(&mut self, place: usize) {
        let (kind, list) = &mut self.lists[place];
        let of_kind = self.batch.iter().filter(|(of, _)| of == kind);
        let rings: Vec<Ring> = of_kind.map(|(_, ring)| *ring).collect();
        if rings.is_empty() {
            return;
        }
        let start = Instant::now();
        let mut failures = 0;
        while let Err(error) = list.push_bulk(rings.clone()).await {
            failures += 1;
            let pause = pause_after(failures);
            if start.elapsed() + pause >= PUSH_WITHIN {
                tracing::warn!(
                    job.kind = %kind, rings = rings.len(), error = &error as &dyn std::error::Error,
                    "gave rings up; upkeep will ring again"
                );
                self.give_up(rings.len());
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn give_up(&self, rings: usize) {
        self.dropped.fetch_add(rings as u64, Ordering::Relaxed);
    }
}
