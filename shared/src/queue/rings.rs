//! One list as an apalis backend: a stream of rings for a worker, a sink for whoever rings.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::layers::Identity;
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::worker::context::WorkerContext;
use futures::future::BoxFuture;
use futures::{FutureExt, Sink};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::pump::{POP_AT_MOST, Popped, Pump};
use super::{Doorbell, QueueError, Ring};
use crate::domain::JobKind;

/// How many rings go into one push.
pub(super) const PUSH_AT_MOST: usize = 1000;

/// The place in a worker that a popped ring occupies, found among the data of its task. It is free again when the last
/// clone is dropped.
#[derive(Debug, Clone)]
pub struct Slot {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// The rings of one kind.
///
/// As a backend it yields rings while there are free slots, is merely pending while Redis is away, and ends when it is
/// stopped. Nothing is popped before the first poll.
pub struct Rings {
    doorbell: Doorbell,
    kind: JobKind,
    slots: Arc<Semaphore>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    pumping: Option<Pumping>,
    unsent: Vec<Ring>,
    sending: Option<BoxFuture<'static, Result<(), QueueError>>>,
}

struct Pumping {
    popped: Arc<Mutex<mpsc::Receiver<Popped>>>,
    pump: JoinHandle<()>,
}

impl fmt::Debug for Rings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rings")
            .field("kind", &self.kind)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl Doorbell {
    /// The rings of one kind, for a worker with these slots. When `stop` fires no more rings are popped, and those that
    /// nobody took yet go back to the list.
    #[must_use]
    pub fn rings(&self, kind: JobKind, slots: Arc<Semaphore>, stop: &CancellationToken) -> Rings {
        let stop = stop.child_token();
        Rings {
            doorbell: self.clone(),
            kind,
            slots,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
            pumping: None,
            unsent: Vec::new(),
            sending: None,
        }
    }
}

impl Rings {
    fn start_pump(&self) -> Pumping {
        let (out, popped) = mpsc::channel(POP_AT_MOST);
        let popped = Arc::new(Mutex::new(popped));
        let pump = Pump {
            doorbell: self.doorbell.clone(),
            kind: self.kind,
            slots: self.slots.clone(),
            stop: self.stop.clone(),
            out,
            taken_from: popped.clone(),
        };
        let pump = tokio::spawn(pump.run());
        Pumping { popped, pump }
    }
}

impl Backend for Rings {
    type Task = Task<Ring>;
    type Error = QueueError;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), QueueError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<Ring>, QueueError>>> {
        if self.pumping.is_none() {
            self.pumping = Some(self.start_pump());
        }
        let Some(pumping) = &self.pumping else {
            return Poll::Pending;
        };
        let mut popped = pumping
            .popped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match ready!(popped.poll_recv(cx)) {
            Some((ring, permit)) => {
                let slot = Slot {
                    _permit: Arc::new(permit),
                };
                Poll::Ready(Some(Ok(TaskBuilder::new(ring).data(slot).build())))
            }
            None if self.stop.is_cancelled() => Poll::Ready(None),
            None => Poll::Ready(Some(Err(QueueError::PumpEnded { kind: self.kind }))),
        }
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), QueueError>> {
        self.stop.cancel();
        if let Some(pumping) = &mut self.pumping {
            let ended = ready!(pumping.pump.poll_unpin(cx));
            self.pumping = None;
            if ended.is_err() {
                return Poll::Ready(Err(QueueError::PumpEnded { kind: self.kind }));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for Rings {
    type Args = Ring;
    type Id = crate::domain::JobId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}

/// Collects rings and pushes them with one command a flush; apalis makes its `TaskSink` of this.
impl Sink<Task<Ring>> for Rings {
    type Error = QueueError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), QueueError>> {
        if self.unsent.len() < PUSH_AT_MOST {
            return Poll::Ready(Ok(()));
        }
        Sink::poll_flush(self, cx)
    }

    fn start_send(mut self: Pin<&mut Self>, task: Task<Ring>) -> Result<(), QueueError> {
        self.unsent.push(task.args);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), QueueError>> {
        loop {
            if let Some(sending) = &mut self.sending {
                let sent = ready!(sending.poll_unpin(cx));
                self.sending = None;
                sent?;
            }
            if self.unsent.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let (doorbell, kind) = (self.doorbell.clone(), self.kind);
            let rings = std::mem::take(&mut self.unsent);
            self.sending = Some(async move { doorbell.push(kind, rings).await }.boxed());
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), QueueError>> {
        Sink::poll_flush(self, cx)
    }
}
