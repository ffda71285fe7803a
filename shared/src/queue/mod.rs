//! The doorbell: how a worker learns at once that a job waits, and the only door to Redis' lists.
//!
//! Jobs are rows in Postgres. A [`Ring`] only says "look at this row now". So the doorbell keeps nothing, acknowledges
//! nothing and repairs nothing: a ring that is lost, repeated or late costs time, never work, because upkeep rings again
//! for every due row.
//!
//! There are a few lists per kind of job, its lanes, served in turn; a tenant's rings wait in one of them, so that its
//! backlog does not hold up the others. A [`Ringer`] pushes into them through apalis' `TaskSink`; [`Rings`] is the apalis
//! backend that pops from them. Both go on by themselves when Redis comes back.

use std::time::Duration;

use rand::Rng;

mod doorbell;
mod line;
mod pump;
mod ring;
mod ringer;
mod rings;

pub use doorbell::{Doorbell, Urgency};
pub use ring::Ring;
pub use ringer::Ringer;
pub use rings::{Rings, Slot};

/// What all lists of rings of an installation begin with: api and workers meet there.
pub const PREFIX: &str = "rail";

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why Redis did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The address cannot be used. It may hold a password, so it is not repeated here.
    #[error("the address of Redis is not usable")]
    BadUrl(#[source] redis::RedisError),
    /// Redis is away, or refused.
    #[error("Redis failed")]
    Redis(#[from] redis::RedisError),
    /// No answer within the time allowed.
    #[error("Redis gave no answer within {limit_ms} ms")]
    Late {
        /// The time that was allowed.
        limit_ms: u128,
    },
    /// The task that pops rings is gone although nobody stopped it.
    #[error("the pump of {kind} rings ended unasked")]
    PumpEnded {
        /// The kind of job it popped rings for.
        kind: crate::domain::JobKind,
    },
}

/// How long to wait after so many failures in a row: from 25 ms up to a second, with jitter, so that the processes that
/// lost Redis together do not return to it in step.
#[must_use]
pub fn pause_after(failures: u32) -> Duration {
    let ceiling = FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE);
    ceiling.mul_f64(rand::rng().random_range(0.5..=1.0))
}
