//! The task that takes rings out of Redis, never more than can be started at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cmd;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Doorbell, QueueError, Ring, pause_after};
use crate::domain::JobKind;

/// How many rings one pop may bring.
pub(super) const POP_AT_MOST: usize = 256;
/// How long one pop blocks: also how soon a connection that died without a word is noticed, with [`GRACE`].
const BLOCK_FOR: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(3);
const UNBLOCK_EVERY: Duration = Duration::from_millis(50);

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

struct Line {
    connection: MultiplexedConnection,
    client_id: i64,
}

impl Pump {
    /// Pops until stopped, then puts back what nobody took.
    pub(super) async fn run(self) {
        let stop = self.stop.clone();
        let mut not_taken = Vec::new();
        let mut failures = 0;
        while !stop.is_cancelled() {
            // The connection comes first: while Redis is away no slot is held.
            let Some(connected) = stop.run_until_cancelled(self.connect()).await else {
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

    async fn connect(&self) -> Result<Line, QueueError> {
        let mut connection = self.doorbell.connect(BLOCK_FOR + GRACE).await?;
        let client_id = cmd("CLIENT").arg("ID").query_async(&mut connection).await?;
        Ok(Line {
            connection,
            client_id,
        })
    }

    /// Pops over one connection until it breaks or the pump is stopped.
    async fn pop_over(
        &self,
        mut line: Line,
        failures: &mut u32,
        not_taken: &mut Vec<Ring>,
    ) -> Result<(), QueueError> {
        while let Some(mut free) = self.free_slots().await {
            let popped = self.pop(&mut line, free.num_permits()).await?;
            self.doorbell.note(&Ok(()));
            *failures = 0;
            for ring in self.read(&popped) {
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
        Ok(())
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

    async fn pop(&self, line: &mut Line, at_most: usize) -> Result<Vec<Vec<u8>>, QueueError> {
        let mut command = cmd("BLMPOP");
        command
            .arg(BLOCK_FOR.as_secs())
            .arg(1)
            .arg(self.doorbell.list(self.kind));
        command.arg("RIGHT").arg("COUNT").arg(at_most);
        let mut answer = std::pin::pin!(command.query_async(&mut line.connection));
        let popped: Option<(redis::Value, Vec<Vec<u8>>)> = tokio::select! {
            popped = &mut answer => popped?,
            () = self.stop.cancelled() => loop {
                // Hanging up could lose what Redis is just sending: it is asked to answer now instead. Asked again,
                // because the first request may overtake the pop.
                let _: Result<(), _> = self.doorbell.ask(cmd("CLIENT").arg("UNBLOCK").arg(line.client_id)).await;
                if let Ok(popped) = tokio::time::timeout(UNBLOCK_EVERY, &mut answer).await {
                    break popped?;
                }
            },
        };
        Ok(popped.map(|(_, rings)| rings).unwrap_or_default())
    }

    /// Anybody may write to the list: what is no ring is left out.
    fn read(&self, popped: &[Vec<u8>]) -> Vec<Ring> {
        let rings: Vec<Ring> = popped
            .iter()
            .filter_map(|bytes| Ring::decode(bytes))
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
