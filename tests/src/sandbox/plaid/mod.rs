//! A fake Plaid.
//!
//! It speaks the part of Plaid's API that reading a bank account needs: items and their access tokens, accounts,
//! balances, identity, `/transactions/sync` with its cursors, `/transactions/get`, institutions, webhook keys, and the
//! `/sandbox` calls that Plaid itself offers for tests. Answers have the types of Plaid's own Python library
//! (`tests/conformance`). One item is there from the start; its access token is among the credentials.
//!
//! Traps on purpose: amounts are JSON numbers, most with two decimals and some with twenty; money out is positive; a
//! pending transaction is posted as another one, with the pending one removed; an item that was just made answers with
//! empty arrays and an empty cursor; data that changes between two pages of an update makes the next page fail; an item
//! whose bank wants a new login still answers `/item/get` with 200.

mod ask;
mod cursor;
mod errors;
mod institutions;
mod item;
mod item_calls;
mod records;
mod transactions;
mod vendor;
mod webhooks;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use self::errors::PlaidError;
use self::item::Item;
use self::webhooks::Signer;
use super::clock::Clock;
use super::kit::limits::{Limit, Verdict};
use super::kit::seeded;
use super::vendors::Start;
use crate::draw::Draw;

/// The client that is let in.
pub const CLIENT_ID: &str = "5f0a1b2c3d4e5f6a7b8c9d0e";
/// Its secret.
pub const SECRET: &str = "c0ffee00c0ffee00c0ffee00c0ffee";

/// The fake Plaid's state; clones share it.
#[derive(Debug, Clone)]
pub struct Plaid(Arc<State>);

#[derive(Debug)]
struct State {
    seed: u64,
    clock: Clock,
    answers: AtomicU64,
    limits: Mutex<HashMap<String, Limit>>,
    signer: Signer,
    store: Mutex<Store>,
}

#[derive(Debug)]
struct Store {
    /// The first is the one of the start.
    items: Vec<Item>,
    /// Webhooks that were asked for; the sandbox calls nobody.
    fired: Vec<Value>,
    /// How many further pages of updates fail as if the data had changed.
    mutations_to_claim: u64,
}

impl Plaid {
    /// Fills it as told.
    pub fn new(start: &Start) -> Self {
        let first = Item::new(start.seed, 0, start.size, start.clock.now());
        Self(Arc::new(State {
            seed: start.seed,
            clock: start.clock.clone(),
            answers: AtomicU64::new(0),
            limits: Mutex::default(),
            signer: Signer::new(start.clock.now()),
            store: Mutex::new(Store {
                items: vec![first],
                fired: Vec::new(),
                mutations_to_claim: 0,
            }),
        }))
    }

    /// What the time is for it.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The access token of the item that is there from the start.
    pub fn access_token(&self) -> String {
        self.lock().items[0].access_token.clone()
    }

    /// Refuses what exceeds so many requests a minute to this path from now on.
    pub fn limit(&self, path: &str, requests_per_minute: u64) {
        let limit = Limit::new(self.clock().clone(), 60);
        limit.enforce(requests_per_minute);
        self.0
            .limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_owned(), limit);
    }

    /// Makes the bank want a new login, or be content again.
    pub fn require_login(&self, required: bool) {
        self.lock().items[0].login_required = required;
    }

    /// Fails this many further pages of updates, from the second page of an update on, as if its data had changed.
    pub fn claim_mutations(&self, pages: u64) {
        self.lock().mutations_to_claim = pages;
    }

    /// Adds transactions to the first item, the newest last; answers their ids.
    pub fn add(&self, transactions: u64) -> Vec<String> {
        let now_s = self.clock().now();
        self.lock().items[0].add(transactions, now_s)
    }

    /// Posts a pending transaction: it is removed and another one, which names it, is added. Answers the new id, or
    /// `None` when there is no such pending transaction.
    pub fn post(&self, pending_id: &str) -> Option<String> {
        let now_s = self.clock().now();
        self.lock().items[0].post(pending_id, now_s)
    }

    /// The ids of the first item's transactions, oldest first.
    pub fn transactions(&self) -> Vec<String> {
        let store = self.lock();
        let live = store.items[0].transactions.live();
        live.map(|record| record.id.clone()).collect()
    }

    /// A transaction of the first item as it is now.
    pub fn transaction(&self, id: &str) -> Option<Value> {
        Some(self.lock().items[0].transactions.get(id)?.body.clone())
    }

    /// The webhooks that were asked for, oldest first; the sandbox sends none itself.
    pub fn fired(&self) -> Vec<Value> {
        self.lock().fired.clone()
    }

    /// The `Plaid-Verification` header of a webhook with this body, sent now.
    pub fn sign(&self, body: &[u8]) -> String {
        self.0.signer.token(body, self.clock().now())
    }

    /// Makes a new key for webhooks; the one before it is still told of, as expired.
    pub fn rotate_webhook_key(&self) {
        self.0.signer.rotate(self.clock().now());
    }

    fn within_limit(&self, path: &str) -> Result<(), PlaidError> {
        let limits = self.0.limits.lock().unwrap_or_else(PoisonError::into_inner);
        match limits.get(path).map(Limit::take) {
            Some(Verdict::Refused { .. }) => Err(PlaidError::rate_limited(path)),
            _ => Ok(()),
        }
    }

    /// Names an answer, for Plaid's support.
    fn request_id(&self) -> String {
        let number = self.0.answers.fetch_add(1, Ordering::Relaxed);
        seeded::letters(&mut Draw::new(self.0.seed, 0x91d, number), 15)
    }

    /// A test that panics while it changes a record must not take the next request down with it.
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
