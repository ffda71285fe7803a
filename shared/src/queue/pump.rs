//! The task that takes rings out of Redis, never more than can be started at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::line::Line;
use super::ring::LANES;
use super::{Doorbell, QueueError, Ring, pause_after};
use crate::domain::JobKind;

/// How many rings one pop may bring.
pub(super) const POP_AT_MOST: usize = 256;

/// Until Redis is asked again whether it takes rings.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A ring with the slot it will be worked in.
pub(super) type Popped = (Ring, OwnedSemaphorePermit);

pub(super) struct Pump {
    pub(super) doorbell: Doorbell,
    pub(super) kind: JobKind,
    pub(super) slots: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
    pub(super) out: mpsc::Sender<Popped>,
    /// The other end of `out`: after the stop, what nobody took is taken back.
    pub(super) taken_from: Arc<Mutex<mpsc::Receiver<Popped>>>,
}

impl Pump {
    /// Pops until stopped, then puts back what nobody took.
    pub(super) async fn run(self) {
        let stop = self.stop.clone();
        let mut not_taken = Vec::new();
        let mut failures = 0;
        while !stop.is_cancelled() {
            // The connection comes first: while Redis is away no slot is held.
            let Some(connected) = stop
                .run_until_cancelled(Line::connect(&self.doorbell))
                .await
            else {
                break;
            };
            let broken = match connected {
                Ok(line) => self.pop_over(line, &mut failures, &mut not_taken).await,
                Err(error) => Err(error),
            };
            if broken.is_err() {
                self.doorbell.note(&broken);
                failures += 1;
                stop.run_until_cancelled(tokio::time::sleep(pause_after(failures)))
                    .await;
            }
        }
        self.put_back(not_taken).await;
    }

    /// Pops over one connection until it breaks or the pump is stopped.
    async fn pop_over(
        &self,
        mut line: Line,
        failures: &mut u32,
        not_taken: &mut Vec<Ring>,
    ) -> Result<(), QueueError> {
        let lanes = 0..LANES;
        let mut lists: Vec<String> = lanes
            .map(|lane| self.doorbell.list(self.kind, lane))
            .collect();
        loop {
            self.until_rings_are_taken().await;
            let Some(mut free) = self.free_slots().await else {
                return Ok(());
            };
            let popped = line.pop(&lists, free.num_permits(), &self.stop).await?;
            self.doorbell.note(&Ok(()));
            *failures = 0;
            let Some((list, entries)) = popped else {
                continue;
            };
            // The list that was served is the last to be looked at next.
            let served = lists.iter().position(|name| *name == list).unwrap_or(0);
            lists.rotate_left(served + 1);
            for ring in self.read(&list, &entries) {
                let handed_over = async { self.out.send((ring, free.split(1)?)).await.ok() };
                if self
                    .stop
                    .run_until_cancelled(handed_over)
                    .await
                    .flatten()
                    .is_none()
                {
                    not_taken.push(ring);
                }
            }
        }
    }

    /// While Redis takes no rings, there are none to pop: the slots are left to whoever starts jobs without it.
    async fn until_rings_are_taken(&self) {
        while self.doorbell.refuses() {
            let pause = tokio::time::sleep(LOOK_AGAIN);
            if self.stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// Waits for a free slot and takes the others that are free too; `None` when stopped.
    async fn free_slots(&self) -> Option<OwnedSemaphorePermit> {
        let one = self.slots.clone().acquire_owned();
        let mut free = self.stop.run_until_cancelled(one).await?.ok()?;
        let others = self.slots.available_permits().min(POP_AT_MOST - 1);
        let others = u32::try_from(others).unwrap_or(0);
        if let Ok(more) = self.slots.clone().try_acquire_many_owned(others) {
            free.merge(more);
        }
        Some(free)
    }

    /// Anybody may write to the list: what is no ring is left out.
    fn read(&self, list: &str, popped: &[Vec<u8>]) -> Vec<Ring> {
        let lane: Option<u8> = list.rsplit(':').next().and_then(|lane| lane.parse().ok());
        let rings: Vec<Ring> = popped
            .iter()
            .filter_map(|bytes| Ring::decode(lane?, bytes))
            .collect();
        let skipped = popped.len() - rings.len();
        if skipped > 0 {
            tracing::warn!(job.kind = %self.kind, skipped, "the list held what is no ring");
        }
        rings
    }

    async fn put_back(&self, not_taken: Vec<Ring>) {
        let mut rings = Vec::new();
        {
            let mut taken_from = self
                .taken_from
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            taken_from.close();
            while let Ok((ring, _slot)) = taken_from.try_recv() {
                rings.push(ring);
            }
        }
        rings.extend(not_taken);
        if rings.is_empty() {
            return;
        }
        match self.doorbell.hand_back(self.kind, &rings).await {
            Ok(()) => {
                tracing::debug!(job.kind = %self.kind, rings = rings.len(), "handed rings back");
            }
            Err(error) => tracing::warn!(
                job.kind = %self.kind, rings = rings.len(), error = &error as &dyn std::error::Error,
                "could not hand rings back; upkeep will ring again"
            ),
        }
    }
}
