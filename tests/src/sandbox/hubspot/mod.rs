//! A fake HubSpot.
//!
//! It speaks the part of the protocol that reading needs: private apps and the code flow, lists, single records, search,
//! owners, properties. Its traps are the vendor's: all values are texts or null, only the properties asked for come, the
//! last page has no `paging`, a search leads no further than ten thousand records and never to archived ones, its index is
//! behind (by as much as a test says), its answers do not tell what is left of the limits, times leave out a fraction of
//! zero, and numbers of records grow by a digit.
//!
//! Simplifications: no associations, history, words in searches or daily limit; the index forgets all but the last state
//! before a change; a record without the property passes NEQ and NOT_IN; and nothing is written over HTTP. Parameters the
//! sandbox does not know are refused, where HubSpot would pass over them.

mod entity;
mod errors;
mod lists;
mod portal;
mod properties;
mod reads;
mod records;
mod search;
mod times;
mod vendor;
mod webhooks;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub use self::entity::Entity;
pub use self::webhooks::{Change, Webhook};

use self::portal::Portal;
use super::clock::Clock;
use super::exchange::Vendor as _;
use super::kit::limits::Limit;
use super::kit::oauth::{Client, ClientAuth, OAuth, Policy};
use super::kit::seeded;
use super::kit::times::FIRST_YEAR;
use super::vendors::Start;
use crate::draw::Draw;

/// The token of the private app.
const PRIVATE_TOKEN: &str = "pat-na1-5a4db0cc-0000-4000-8000-000000000001";

/// The fake HubSpot's state; clones share it.
#[derive(Debug, Clone)]
pub struct HubSpot(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seed: u64,
    clock: Clock,
    oauth: OAuth,
    per_ten_seconds: Limit,
    per_second: Limit,
    search_lag_s: AtomicI64,
    portal: Mutex<Portal>,
    /// Scopes that nobody has any more.
    withheld: Mutex<HashSet<String>>,
    answered: AtomicU64,
    base_url: OnceLock<String>,
}

impl HubSpot {
    /// A portal of the size asked for: that many contacts.
    pub fn new(start: &Start) -> Self {
        let policy = Policy {
            client_auth: ClientAuth::Form,
            access_life_s: 1_800,
            ..Policy::code_flow()
        };
        let client = Client {
            id: "5a4db0cc-1111-4111-8111-111111111111".to_owned(),
            secret: "sandbox-hubspot-secret".to_owned(),
        };
        let clock = start.clock.clone();
        Self(Arc::new(Inner {
            seed: start.seed,
            oauth: OAuth::new(start.seed, clock.clone(), policy, client),
            per_ten_seconds: Limit::new(clock.clone(), 10),
            per_second: Limit::new(clock.clone(), 1),
            search_lag_s: AtomicI64::new(0),
            portal: Mutex::new(Portal::new(start.seed, start.size, FIRST_YEAR)),
            withheld: Mutex::default(),
            answered: AtomicU64::new(0),
            base_url: OnceLock::new(),
            clock,
        }))
    }

    /// What the time is for it.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Who may come in beside the private app.
    pub fn oauth(&self) -> &OAuth {
        &self.0.oauth
    }

    /// Requests other than searches per ten seconds; HubSpot allows 110, the sandbox any number until told.
    pub fn per_ten_seconds(&self) -> &Limit {
        &self.0.per_ten_seconds
    }

    /// Searches per second; HubSpot allows 5, the sandbox any number until told.
    pub fn per_second(&self) -> &Limit {
        &self.0.per_second
    }

    /// The ids of the live records, oldest first.
    pub fn ids(&self, entity: &str) -> Vec<String> {
        self.holds(entity).into_iter().map(|(id, _)| id).collect()
    }

    /// Lets search know of what happens only after so many seconds.
    pub fn delay_search(&self, seconds: i64) {
        self.0.search_lag_s.store(seconds, Ordering::Relaxed);
    }

    /// Takes from every token what it needs to read this entity.
    pub fn withhold(&self, entity: Entity) {
        let mut withheld = self
            .0
            .withheld
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        withheld.insert(entity.scope());
    }

    fn search_lag_s(&self) -> i64 {
        self.0.search_lag_s.load(Ordering::Relaxed)
    }

    /// The scopes there are to have.
    fn granted(&self) -> Vec<String> {
        let withheld = self
            .0
            .withheld
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let all = Entity::ALL.into_iter().map(Entity::scope);
        all.filter(|scope| !withheld.contains(scope)).collect()
    }

    fn correlation_id(&self) -> String {
        let number = self.0.answered.fetch_add(1, Ordering::Relaxed);
        seeded::guid(&mut Draw::new(self.0.seed, 0x6aa, number))
    }

    fn base_url(&self) -> &str {
        self.0.base_url.get().map_or("", String::as_str)
    }

    /// A test that panics while it changes a record must not take the next request down with it.
    fn lock(&self) -> MutexGuard<'_, Portal> {
        self.0.portal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
