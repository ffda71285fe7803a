//! What a sandbox of Stripe is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::entity::{Counts, Entity};
use crate::sandbox::clock::Clock;

/// The key that is accepted when none is set.
pub const DEFAULT_KEY: &str = "sk_test_sandbox";

/// The API version of an account that never chose one: the one whose shapes the sandbox answers in.
pub const ACCOUNT_VERSION: &str = "2026-10-28.endive";

/// 2025-01-01 and 2026-01-01, the year in which the records of the start were created.
const DEFAULT_YEAR: (i64, i64) = (1_735_689_600, 1_767_225_600);

/// What a sandbox holds and whom it lets in. The same settings give the same records, byte for byte.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) seed: u64,
    pub(super) counts: Counts,
    pub(super) created_between: (i64, i64),
    pub(super) keys: Vec<String>,
    pub(super) restricted: Vec<RestrictedKey>,
    pub(super) clock: Clock,
    pub(super) listen: SocketAddr,
    pub(super) latency: Duration,
    pub(super) page_at_most: usize,
    pub(super) date: Date,
}

/// The `Date` of its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Date {
    /// The real time.
    Real,
    /// What its clock shows.
    Shown,
}

/// A key that may read some things only.
#[derive(Debug, Clone)]
pub(super) struct RestrictedKey {
    pub(super) token: String,
    /// Path names: `customers`, `events`, `balance`, `account`.
    pub(super) reads: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            counts: Counts::default(),
            created_between: DEFAULT_YEAR,
            keys: vec![DEFAULT_KEY.to_owned()],
            restricted: Vec::new(),
            clock: Clock::default(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            latency: Duration::ZERO,
            page_at_most: 100,
            date: Date::Real,
        }
    }
}

impl Settings {
    /// No records at all, the default key, the real time.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// Holds this many records of the entity at the start.
    ///
    /// # Panics
    /// When there is no such entity.
    #[must_use]
    pub fn with(mut self, entity: &str, records: u64) -> Self {
        let Some(entity) = Entity::named(entity) else {
            panic!("the sandbox has no entity '{entity}'")
        };
        self.counts.set(entity, records);
        self
    }

    /// Holds a whole business with this many customers; see [`Counts::for_customers`].
    #[must_use]
    pub fn with_business(mut self, customers: u64) -> Self {
        self.counts = Counts::for_customers(customers);
        self
    }

    /// Holds these records.
    #[must_use]
    pub fn with_counts(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }

    /// Spreads the records of the start between these two Unix seconds (the second one excluded).
    #[must_use]
    pub fn created_between(mut self, first_unix_s: i64, end_unix_s: i64) -> Self {
        self.created_between = (first_unix_s, end_unix_s);
        self
    }

    /// Accepts this key instead of the default one.
    #[must_use]
    pub fn key(mut self, token: &str) -> Self {
        self.keys = vec![token.to_owned()];
        self
    }

    /// Accepts this key too, for reading these paths only (`customers`, `events`, `balance`, `account` …).
    #[must_use]
    pub fn restricted_key(mut self, token: &str, reads: &[&str]) -> Self {
        let reads = reads.iter().map(|name| (*name).to_owned()).collect();
        self.restricted.push(RestrictedKey {
            token: token.to_owned(),
            reads,
        });
        self
    }

    /// Stops the clock at this Unix second until the test moves it.
    #[must_use]
    pub fn at(self, unix_s: i64) -> Self {
        self.clock.set(unix_s);
        self
    }

    /// Lives by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sends at most so many records a page, however many are asked for.
    #[must_use]
    pub fn page_at_most(mut self, records: usize) -> Self {
        self.page_at_most = records;
        self
    }

    /// Dates its answers by its own clock, as a vendor does; otherwise the server dates them by the real time.
    #[must_use]
    pub fn dated(mut self) -> Self {
        self.date = Date::Shown;
        self
    }

    /// Listens here instead of on a free loopback port.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Waits this long before every answer.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Where to listen and how long to wait before every answer.
    pub(in crate::sandbox) fn wire(&self) -> (SocketAddr, Duration) {
        (self.listen, self.latency)
    }
}
