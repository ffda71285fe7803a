//! One lane: the events of one connection, one after the other.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use rail_shared::domain::{ConnectionId, DeliveryOutcome, Event};
use rail_shared::events::{self, Attempted, Verdict};
use rail_shared::failpoints::step;
use rail_shared::secrets::WebhookSecrets;
use rail_shared::store::webhooks::{Note, OfLane, WebhookRow};
use tokio::time::Instant;

use super::pace::Pace;
use super::waits::{TRIED_FOR, wait_after};
use crate::runtime::{Attempt, Halt};

/// One webhook that is being served.
pub(super) struct Serving<'a> {
    pub attempt: &'a Attempt,
    pub webhook: WebhookRow,
    pub secrets: WebhookSecrets,
    pub pace: Pace,
    /// Attempts in a row that failed.
    failures: AtomicI32,
    /// How long nothing more is to be tried, in milliseconds; 0 while there is no reason for that.
    rest_ms: AtomicU64,
    /// Whether the receiver wants no more.
    gone: AtomicBool,
    /// Whether it took an event since this began; and whether it did not.
    took: AtomicBool,
    failed: AtomicBool,
}

/// How far attempts at one event are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tried {
    pub attempts: i32,
    pub failing_for: Duration,
}

/// Where a lane stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// All its events are done with.
    Done,
    /// There was no time for all; it is done up to here.
    Left(i64),
    /// An event was not taken, and it is written when it goes on.
    Failed,
}

impl<'a> Serving<'a> {
    pub(super) fn new(attempt: &'a Attempt, webhook: WebhookRow, secrets: WebhookSecrets) -> Self {
        Self {
            attempt,
            pace: Pace::new(webhook.max_per_second),
            failures: AtomicI32::new(webhook.failures),
            rest_ms: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            took: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            webhook,
            secrets,
        }
    }

    /// Whether the receiver failed last.
    pub(super) fn is_failing(&self) -> bool {
        self.failures.load(Ordering::Relaxed) > 0
    }

    /// How long the receiver failed without taking anything, as of when this began.
    pub(super) fn failing_for(&self) -> Duration {
        let now = self.attempt.worker.clock.now();
        let taken = self.took.load(Ordering::Relaxed);
        let since = self.webhook.failing_since.filter(|_| !taken);
        since.map_or(Duration::ZERO, |since| {
            (now - since).to_std().unwrap_or_default()
        })
    }

    /// Whether it failed since this began.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether the receiver wants no more, ever.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Whether nothing more is to be tried for now.
    pub(super) fn is_over(&self) -> bool {
        self.rest().is_some() || self.attempt.stop.is_cancelled()
    }

    /// How long nothing more is to be tried.
    pub(super) fn rest(&self) -> Option<Duration> {
        match self.rest_ms.load(Ordering::Relaxed) {
            0 => None,
            ms => Some(Duration::from_millis(ms)),
        }
    }

    /// Delivers the events of a lane, until one fails or `until`. Its first may have been tried before. With `behind`, the
    /// lane is noted to be still behind after each.
    pub(super) async fn deliver(
        &self,
        connection: Option<ConnectionId>,
        events: &[Event],
        mut tried: Tried,
        behind: bool,
        until: Instant,
    ) -> Result<Stopped, Halt> {
        let due_in = behind.then_some(Duration::ZERO);
        for event in events {
            if self.webhook.wants(event) {
                if Instant::now() < until {
                    self.pace.turn().await;
                }
                if self.is_over() || Instant::now() >= until {
                    return Ok(Stopped::Left(event.seq - 1));
                }
                let of = OfLane::Next(connection);
                if self.tell(event, of, tried, due_in).await? == DeliveryOutcome::Retry {
                    return Ok(Stopped::Failed);
                }
            }
            tried = Tried::default();
        }
        Ok(Stopped::Done)
    }

    /// Makes one attempt at an event, in its turn, and notes what came of it.
    pub(super) async fn tell(
        &self,
        event: &Event,
        of: OfLane,
        tried: Tried,
        due_in: Option<Duration>,
    ) -> Result<DeliveryOutcome, Halt> {
        let (attempt, begun) = (tried.attempts + 1, std::time::Instant::now());
        let (http, url) = (&self.attempt.worker.webhooks, &self.webhook.url);
        let Attempted {
            verdict,
            asked,
            sent,
        } = events::send(http, url, &self.secrets, event.id, event.body()).await;
        step("an event is sent");
        let (outcome, due_in, rest) = match verdict {
            Verdict::Taken => {
                self.failures.store(0, Ordering::Relaxed);
                self.took.store(true, Ordering::Relaxed);
                (DeliveryOutcome::Delivered, due_in, None)
            }
            failed => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                self.failed.store(true, Ordering::Relaxed);
                let wait = wait_after(tried.failing_for, asked);
                // One that refuses an event may take those of other connections.
                let is_away = failed != Verdict::Refused;
                let rest = is_away.then(|| wait_after(self.failing_for(), asked));
                if let Some(rest) = rest {
                    let ms = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
                    self.rest_ms.fetch_max(ms.max(1), Ordering::Relaxed);
                }
                if failed == Verdict::Gone {
                    self.gone.store(true, Ordering::Relaxed);
                }
                if tried.failing_for >= TRIED_FOR {
                    (DeliveryOutcome::GivenUp, due_in, rest)
                } else {
                    (DeliveryOutcome::Retry, Some(wait), rest)
                }
            }
        };
        let note = Note {
            lease: self.attempt.lease.clone(),
            seq: event.seq,
            event_id: event.id,
            event_type: event.event_type.clone(),
            version: self.webhook.version,
            attempt,
            outcome,
            sent,
            of,
            due_in,
            rest,
        };
        self.attempt.worker.notes.note(note).await?;
        self.attempt.made_progress(begun);
        step("an attempt is noted");
        Ok(outcome)
    }
}
