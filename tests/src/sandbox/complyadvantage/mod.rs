//! A fake ComplyAdvantage, of the classic kind with API keys.
//!
//! It speaks the part of the protocol that reading needs: users, the list of searches with its filters, single searches
//! by id or reference, whether they are monitored. Its traps are the vendor's: an envelope in an envelope that says
//! nothing of further pages, times without a zone, a list that leads no further than ten thousand rows, monitored searches
//! that look like all others, and deletions that nothing tells of. Whatever is no GET is refused and counted: a search that
//! a reader makes by mistake is paid for.
//!
//! There is no official schema within reach; what is here comes from the documentation and from others' clients. The size of
//! a page nobody asks a size for, the order of a list nobody asks an order for, the texts of refusals and what tells whether a
//! search is monitored are the sandbox's own choice. "Cases" are the searches with a potential match.

mod account;
mod entity;
mod errors;
mod lists;
mod times;
mod vendor;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::entity::Entity;

use self::account::Account;
use super::clock::Clock;
use super::exchange::Vendor as _;
use super::kit::limits::Limit;
use super::kit::times::FIRST_YEAR;
use super::vendors::Start;

/// The fake ComplyAdvantage's state; clones share it.
#[derive(Debug, Clone)]
pub struct ComplyAdvantage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: String,
    clock: Clock,
    limit: Limit,
    account: Mutex<Account>,
    billable: AtomicU64,
}

impl ComplyAdvantage {
    /// An account of the size asked for: that many searches.
    pub fn new(start: &Start) -> Self {
        let clock = start.clock.clone();
        Self(Arc::new(Inner {
            key: format!("sandboxComplyAdvantageKey{}", start.seed),
            limit: Limit::new(clock.clone(), 60),
            account: Mutex::new(Account::new(start.seed, start.size, FIRST_YEAR)),
            billable: AtomicU64::new(0),
            clock,
        }))
    }

    /// What the time is for it.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Requests per minute; ComplyAdvantage allows 600, the sandbox any number until told.
    pub fn limit(&self) -> &Limit {
        &self.0.limit
    }

    /// The ids of the live records, oldest first.
    pub fn ids(&self, entity: &str) -> Vec<String> {
        self.holds(entity).into_iter().map(|(id, _)| id).collect()
    }

    /// How many requests would have changed something, or cost something. A reader sends none.
    pub fn billable_requests(&self) -> u64 {
        self.0.billable.load(Ordering::Relaxed)
    }

    /// A test that panics while it changes a record must not take the next request down with it.
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.0
            .account
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
