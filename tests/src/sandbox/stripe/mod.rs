//! A fake Stripe.
//!
//! It speaks the part of Stripe's protocol that reading needs: keys, versions, lists with their cursors and filters,
//! single records, events of the last thirty days. What it holds follows from a seed, so that a million records cost no
//! memory and a test can say what it expects. Facts about Stripe are kept as near to the vendor's as its own client
//! library can tell (`tests/conformance`); what the sandbox does not know of Stripe it refuses with 501 instead of
//! ignoring it.
//!
//! Simplifications: answers have the shapes of [`ACCOUNT_VERSION`] whatever `Stripe-Version` says, references may lead
//! nowhere where the sandbox was asked for none of the entity referred to, and nothing is written over HTTP (tests
//! change records through [`Stripe::create`], [`Stripe::update`] and [`Stripe::delete`]).

mod auth;
mod entity;
mod errors;
mod events;
mod ids;
mod mutate;
mod order;
mod page_faults;
mod query;
mod records;
mod settings;
mod store;
mod template;
mod vendor;
mod webhooks;
mod world;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub use self::entity::{Counts, Entity};
pub use self::mutate::MutationError;
pub use self::settings::{ACCOUNT_VERSION, DEFAULT_KEY, Settings};
pub use self::webhooks::{WEBHOOK_SECRET, Webhook, signature};

use self::store::{Found, Store};
use self::world::World;
use super::clock::Clock;

/// The fake Stripe's state; clones share it.
#[derive(Debug, Clone)]
pub struct Stripe {
    settings: Arc<Settings>,
    store: Arc<Mutex<Store>>,
}

impl Stripe {
    /// Fills it as the settings say.
    pub fn new(settings: Settings) -> Self {
        Self {
            store: Arc::new(Mutex::new(filled(&settings))),
            settings: Arc::new(settings),
        }
    }

    /// What the time is for it.
    pub fn clock(&self) -> &Clock {
        &self.settings.clock
    }

    /// Creates records, the newest last, with their `.created` events; answers their ids in that order.
    ///
    /// # Panics
    /// When there is no such entity. The same holds for the other methods that take one.
    pub fn create(&self, entity: &str, records: u64) -> Vec<String> {
        self.lock()
            .create(expect_entity(entity), records, self.clock().now())
    }

    /// Changes a record, with the event Stripe sends for such a change.
    ///
    /// # Panics
    /// When there is no such record, or the change touches its id, object or created.
    pub fn update(&self, entity: &str, id: &str, change: impl FnOnce(&mut Value)) {
        if let Err(error) =
            self.lock()
                .update(expect_entity(entity), id, self.clock().now(), change)
        {
            panic!("update of {entity} '{id}': {error}");
        }
    }

    /// Deletes a record (a subscription is canceled), with its `.deleted` event.
    ///
    /// # Panics
    /// When there is no such record or Stripe never deletes one of its kind.
    pub fn delete(&self, entity: &str, id: &str) {
        if let Err(error) = self
            .lock()
            .delete(expect_entity(entity), id, self.clock().now())
        {
            panic!("delete of {entity} '{id}': {error}");
        }
    }

    /// Says the same of a record in other words: its keys in another order, its spaces elsewhere. No event tells of it.
    ///
    /// # Panics
    /// When there is no such record. The same holds for the two that follow.
    pub fn respell(&self, entity: &str, id: &str) {
        self.lock()
            .respell(expect_entity(entity), id)
            .unwrap_or_else(|error| panic!("respelling {entity} '{id}': {error}"));
    }

    /// Loses a record by mistake: no list shows it, and no event tells of it.
    pub fn lose(&self, entity: &str, id: &str) {
        self.lock()
            .lose(expect_entity(entity), id)
            .unwrap_or_else(|error| panic!("losing {entity} '{id}': {error}"));
    }

    /// Finds a lost record again, as it was.
    pub fn find_again(&self, entity: &str, id: &str) {
        self.lock()
            .find_again(expect_entity(entity), id)
            .unwrap_or_else(|error| panic!("finding {entity} '{id}': {error}"));
    }

    /// Begins anew with what these settings say that it holds; its address, keys and clock stay.
    pub fn begin_anew(&self, settings: &Settings) {
        *self.lock() = filled(settings);
    }

    /// The ids of all its records, newest first; of `events` too, as far as they are kept.
    pub fn ids(&self, entity: &str) -> Vec<String> {
        let store = self.lock();
        if entity == "events" {
            return store.events.ids(self.clock().now());
        }
        let entity = expect_entity(entity);
        store
            .live_indexes(entity)
            .map(|index| store.world.id(entity, index))
            .collect()
    }

    /// How many records there are.
    pub fn count(&self, entity: &str) -> u64 {
        self.lock().count(expect_entity(entity))
    }

    /// A record as it is now, or `None` when there is none or it was deleted.
    pub fn record(&self, entity: &str, id: &str) -> Option<Value> {
        match self.lock().find(expect_entity(entity), id)? {
            Found::Record(text) => serde_json::from_str(&text).ok(),
            Found::Deleted => None,
        }
    }

    /// The types of all events since the start, oldest first.
    pub fn event_types(&self) -> Vec<String> {
        self.lock().events.types().map(str::to_owned).collect()
    }

    /// A test that panics while it changes a record must not take the next request down with it.
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn filled(settings: &Settings) -> Store {
    let world = World::new(settings.seed, settings.counts, settings.created_between);
    Store::new(Arc::new(world), settings.page_at_most)
}

fn expect_entity(name: &str) -> Entity {
    match Entity::named(name) {
        Some(entity) => entity,
        None => panic!("the sandbox has no entity '{name}'"),
    }
}
