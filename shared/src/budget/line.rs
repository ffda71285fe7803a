//! The connection to Redis, and what to do without it: nothing, until it is time to look again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, cmd};
use tokio::time::Instant;

use super::BadAddress;

/// A request waits for this: rather count by oneself than have all wait for a Redis that does not answer.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_millis(1_000);
/// From a failure until one request looks again whether Redis is there.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

macro_rules! script {
    ($name:literal) => {
        concat!(
            include_str!("scripts/common.lua"),
            include_str!(concat!("scripts/", $name, ".lua"))
        )
    };
}

/// What Redis is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Take,
    Tell,
    Hold,
    Renew,
    Look,
}

const SCRIPTS: [(Script, &str); 5] = [
    (Script::Take, script!("take")),
    (Script::Tell, script!("tell")),
    (Script::Hold, script!("hold")),
    (Script::Renew, script!("renew")),
    (Script::Look, script!("look")),
];

pub(super) struct Line {
    client: Client,
    answer_within: Duration,
    open: tokio::sync::Mutex<Option<Open>>,
    health: Mutex<Health>,
}

#[derive(Clone)]
struct Open {
    connection: MultiplexedConnection,
    /// Of the scripts, in their order: how Redis names them.
    names: [String; SCRIPTS.len()],
}

#[derive(Default)]
struct Health {
    /// While it is away: when to look again.
    look_at: Option<Instant>,
}

enum Broken {
    Redis(RedisError),
    Late,
}

impl From<RedisError> for Broken {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl Line {
    pub(super) fn new(redis_url: &str, answer_within: Duration) -> Result<Self, BadAddress> {
        Ok(Self {
            client: Client::open(redis_url).map_err(BadAddress)?,
            answer_within,
            open: tokio::sync::Mutex::new(None),
            health: Mutex::default(),
        })
    }

    /// Runs a script; `None` while Redis is away.
    pub(super) async fn run(
        &self,
        script: Script,
        keys: &[String],
        arguments: &[String],
    ) -> Option<Vec<i64>> {
        let place = SCRIPTS.iter().position(|(of, _)| *of == script)?;
        let call = |open: &Open| {
            let mut call = cmd("EVALSHA");
            call.arg(&open.names[place]).arg(keys.len());
            call.arg(keys).arg(arguments);
            call
        };
        self.ask(call).await
    }

    /// Takes a member out of a set.
    pub(super) async fn take_out(&self, key: &str, member: &str) {
        let call = |_: &Open| cmd("ZREM").arg(key).arg(member).take();
        let _: Option<i64> = self.ask(call).await;
    }

    async fn ask<T: FromRedisValue>(&self, call: impl FnOnce(&Open) -> Cmd) -> Option<T> {
        if !self.may_ask() {
            return None;
        }
        let asking = async {
            let mut open = self.opened().await?;
            Ok(call(&open).query_async(&mut open.connection).await?)
        };
        let answer = match tokio::time::timeout(self.answer_within, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(Broken::Late),
        };
        match answer {
            Ok(answer) => {
                self.is_there();
                Some(answer)
            }
            Err(broken) => {
                self.is_away(&broken);
                // When the lock is taken, somebody is making a new connection already.
                if let Ok(mut open) = self.open.try_lock() {
                    *open = None;
                }
                None
            }
        }
    }

    async fn opened(&self) -> Result<Open, Broken> {
        let mut open = self.open.lock().await;
        if let Some(open) = &*open {
            return Ok(open.clone());
        }
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.answer_within))
            .set_response_timeout(Some(self.answer_within));
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&limits)
            .await?;
        let mut names = [const { String::new() }; SCRIPTS.len()];
        for (name, (_, text)) in names.iter_mut().zip(SCRIPTS) {
            let load = cmd("SCRIPT").arg("LOAD").arg(text).take();
            *name = load.query_async(&mut connection).await?;
        }
        let fresh = Open { connection, names };
        *open = Some(fresh.clone());
        Ok(fresh)
    }

    /// Whether to ask Redis: while it is away, one request a second does.
    fn may_ask(&self) -> bool {
        let now = Instant::now();
        let mut health = self.health();
        match health.look_at {
            None => true,
            Some(at) if now < at => false,
            Some(_) => {
                health.look_at = Some(now + LOOK_AGAIN);
                true
            }
        }
    }

    /// Only a change is worth a line in the log.
    fn is_there(&self) {
        if self.health().look_at.take().is_some() {
            tracing::info!("Redis is back: rates are counted together with the other processes");
        }
    }

    fn is_away(&self, broken: &Broken) {
        let before = self.health().look_at.replace(Instant::now() + LOOK_AGAIN);
        if before.is_none() {
            let error = match broken {
                Broken::Redis(error) => error.to_string(),
                Broken::Late => "no answer in time".to_owned(),
            };
            tracing::warn!(
                error,
                "Redis is away: this process keeps to its share of the vendors' rates"
            );
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
