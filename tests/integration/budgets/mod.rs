//! Rate budgets: counted together by all processes, in a real Redis that is killed and comes back.

mod away;
mod cost;
mod counting;
mod product;
mod told;

use std::time::Duration;

use chrono::DateTime;
use rail_shared::budget::{Account, AtOnce, Budgets, Digest, Limit, RateSettings};
use rail_shared::domain::{Clock, CountedFor, Priority};
use rail_tests::redis::PrivateRedis;

const ALL: [Priority; 4] = [
    Priority::Interactive,
    Priority::Manual,
    Priority::Scheduled,
    Priority::Backfill,
];

/// How long a process waits for Redis: on a busy machine one that is there may be late.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Processes that share a Redis, and a clock that a test moves.
struct Bench {
    redis: PrivateRedis,
    clock: Clock,
}

impl Bench {
    fn new() -> Self {
        Self {
            redis: PrivateRedis::start().unwrap(),
            // Right at a border of whole seconds and minutes.
            clock: Clock::held_at(DateTime::from_timestamp(1_767_225_600, 0).unwrap()),
        }
    }

    /// What one process has of it.
    fn process(&self) -> Budgets {
        let settings = RateSettings::default();
        let url = self.redis.url();
        Budgets::by_clock(&url, settings, self.clock.clone(), ANSWER_WITHIN).unwrap()
    }

    fn pass_ms(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }
}

fn limit(name: &str, requests: u32, seconds: u64, of: &Digest) -> Limit {
    Limit {
        name: name.to_owned(),
        requests,
        per: Duration::from_secs(seconds),
        counted: CountedFor::Account,
        of: of.clone(),
        paths: Vec::new(),
    }
}

/// An account that may send so many requests in so many seconds.
fn account(name: &str, requests: u32, seconds: u64) -> Account {
    let digest = Digest::of(&[name.into()]);
    Account {
        limits: vec![limit("window", requests, seconds, &digest)],
        at_once: None,
        digest,
    }
}

/// One that may have so many on their way.
fn account_at_once(name: &str, requests: u32) -> Account {
    let digest = Digest::of(&[name.into()]);
    Account {
        limits: Vec::new(),
        at_once: Some(AtOnce {
            requests,
            counted: CountedFor::Account,
            of: digest.clone(),
        }),
        digest,
    }
}

/// How many requests one gets until it is refused.
async fn gets(process: &Budgets, account: &Account, priority: Priority) -> u32 {
    let mut got = 0;
    while process.ask(account, "/any", priority).await.is_ok() {
        got += 1;
        assert!(got < 10_000, "nothing is limited");
    }
    got
}
