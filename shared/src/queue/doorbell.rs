//! The connection to Redis, made when first needed and made anew, for ever, after it broke.
//!
//! redis' own `ConnectionManager` is not used: once a reconnect was answered by an error that is not I/O ("max number of
//! clients reached", "LOADING"), it hands out that same error until the process ends.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, pipe};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ring::LANES;
use super::{QueueError, Ring};
use crate::domain::JobKind;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Every single command but a blocking pop.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// After a push was refused (out of memory, say) pops still look healthy, so the refusal is remembered this long.
const REFUSAL_COUNTS_FOR: Duration = Duration::from_secs(5);

/// Where a ring may go when its list is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// In front of those that wait.
    First,
    /// Nowhere: those that wait come first.
    InTurn,
}

/// The lists of rings in one Redis. Cheap to clone; made without connecting.
#[derive(Clone)]
pub struct Doorbell {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    prefix: String,
    line: tokio::sync::Mutex<Option<MultiplexedConnection>>,
    /// How the last command ended; `None` before the first.
    answering: watch::Sender<Option<bool>>,
    refused_at: Mutex<Option<Instant>>,
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("Doorbell")
            .field("prefix", &self.inner.prefix)
            .finish_non_exhaustive()
    }
}

impl Doorbell {
    /// A doorbell whose lists are named `prefix:ring:kind`. Fails only for an address that is none; whether Redis is
    /// there is found out later.
    pub fn new(redis_url: &str, prefix: &str) -> Result<Self, QueueError> {
        Ok(Self {
            inner: Arc::new(Inner {
                client: Client::open(redis_url).map_err(QueueError::BadUrl)?,
                prefix: prefix.to_owned(),
                line: tokio::sync::Mutex::new(None),
                answering: watch::Sender::new(None),
                refused_at: Mutex::new(None),
            }),
        })
    }

    /// Asks Redis for a sign of life and says how long it took.
    pub async fn ping(&self) -> Result<Duration, QueueError> {
        let start = Instant::now();
        let () = self.ask(pipe().cmd("PING").ignore()).await?;
        Ok(start.elapsed())
    }

    /// How many rings of a kind wait for a worker.
    pub async fn depth(&self, kind: JobKind) -> Result<u64, QueueError> {
        Ok(self.depths(kind).await?.iter().sum())
    }

    /// Adds rings for jobs that wait, in their order, while there is room: behind the others, until a list holds
    /// `at_most`; the [first](Urgency::First) of a tenant in front of them when its list is full, until it holds twice as
    /// many. Returns how many were added behind.
    ///
    /// Given `at_most` rings or more, there is a backlog, whose beginning is what the lists hold already: as many as
    /// wait there are not added again, but for the first of a tenant.
    ///
    /// # Errors
    /// When Redis is away or refuses.
    pub async fn top_up(
        &self,
        kind: JobKind,
        rings: &[(Ring, Urgency)],
        at_most: usize,
    ) -> Result<usize, QueueError> {
        let mut depths = self.depths(kind).await?;
        let mut held = if rings.len() < at_most {
            vec![0; depths.len()]
        } else {
            depths.clone()
        };
        let (mut behind, mut in_front) = (Vec::new(), Vec::new());
        for (ring, urgency) in rings {
            let lane = usize::from(ring.lane);
            let (depth, first) = (depths[lane], *urgency == Urgency::First);
            let room = depth < at_most as u64;
            if room && (first || held[lane] == 0) {
                depths[lane] += 1;
                behind.push(*ring);
            } else if first && depth < 2 * at_most as u64 {
                depths[lane] += 1;
                in_front.push(*ring);
            } else {
                held[lane] = held[lane].saturating_sub(1);
            }
        }
        let added = behind.len();
        self.hand_back(kind, &in_front).await?;
        self.push(kind, behind).await?;
        Ok(added)
    }

    async fn depths(&self, kind: JobKind) -> Result<Vec<u64>, QueueError> {
        let mut lengths = pipe();
        for lane in 0..LANES {
            lengths.cmd("LLEN").arg(self.list(kind, lane));
        }
        self.ask(&lengths).await
    }

    /// Whether rings get through, as far as the last commands showed. `false` until the first answer.
    #[must_use]
    pub fn is_up(&self) -> bool {
        *self.inner.answering.borrow() == Some(true) && !self.refuses()
    }

    /// Whether it refused a ring a moment ago, though it may answer otherwise.
    pub(super) fn refuses(&self) -> bool {
        let refused_at = *self.refused_at();
        refused_at.is_some_and(|at| at.elapsed() < REFUSAL_COUNTS_FOR)
    }

    pub(super) fn list(&self, kind: JobKind, lane: u8) -> String {
        format!("{}:ring:{kind}:{lane:02}", self.inner.prefix)
    }

    /// Adds rings behind those that wait, in one round trip.
    pub(super) async fn push(&self, kind: JobKind, rings: Vec<Ring>) -> Result<(), QueueError> {
        let pushed = self.write("LPUSH", kind, &rings).await;
        *self.refused_at() = pushed.is_err().then(Instant::now);
        pushed
    }

    /// Puts rings back in front of those that wait: they were popped first.
    pub(super) async fn hand_back(&self, kind: JobKind, rings: &[Ring]) -> Result<(), QueueError> {
        let newest_first: Vec<Ring> = rings.iter().rev().copied().collect();
        self.write("RPUSH", kind, &newest_first).await
    }

    async fn write(&self, verb: &str, kind: JobKind, rings: &[Ring]) -> Result<(), QueueError> {
        let mut writes = pipe();
        for lane in 0..LANES {
            let mut of_lane = rings.iter().filter(|ring| ring.lane == lane).peekable();
            if of_lane.peek().is_some() {
                let write = writes.cmd(verb).arg(self.list(kind, lane));
                of_lane.for_each(|ring| {
                    write.arg(&ring.encode());
                });
                write.ignore();
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        self.ask(&writes).await
    }

    /// Sends commands over the shared connection. Whatever went wrong, the next command gets a new connection.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<T, QueueError> {
        let conversation = async {
            let mut connection = self.shared_line().await?;
            Ok(commands.query_async(&mut connection).await?)
        };
        let answer = match tokio::time::timeout(ANSWER_WITHIN, conversation).await {
            Ok(answer) => answer,
            Err(_) => Err(QueueError::Late {
                limit_ms: ANSWER_WITHIN.as_millis(),
            }),
        };
        if answer.is_err() {
            // When the lock is taken, somebody is making a new connection already.
            if let Ok(mut line) = self.inner.line.try_lock() {
                *line = None;
            }
        }
        self.note(&answer);
        answer
    }

    async fn shared_line(&self) -> Result<MultiplexedConnection, QueueError> {
        let mut line = self.inner.line.lock().await;
        if let Some(open) = &*line {
            return Ok(open.clone());
        }
        let fresh = self.connect(ANSWER_WITHIN).await?;
        *line = Some(fresh.clone());
        Ok(fresh)
    }

    pub(super) async fn connect(
        &self,
        answer_within: Duration,
    ) -> Result<MultiplexedConnection, QueueError> {
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(answer_within));
        let client = &self.inner.client;
        Ok(client
            .get_multiplexed_async_connection_with_config(&limits)
            .await?)
    }

    /// Remembers how a command ended; only a change is worth a line in the log.
    pub(super) fn note<T>(&self, answer: &Result<T, QueueError>) {
        let before = self.inner.answering.send_replace(Some(answer.is_ok()));
        match answer {
            Err(error) if before != Some(false) => {
                tracing::warn!(error = error as &dyn std::error::Error, "Redis is away");
            }
            Ok(_) if before == Some(false) => tracing::info!("Redis is back"),
            _ => {}
        }
    }

    fn refused_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.inner
            .refused_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
