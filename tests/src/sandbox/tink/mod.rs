//! A fake Tink.
//!
//! It speaks the part of Tink's API that reading needs: client tokens, permanent users, authorization grants, codes and
//! refresh tokens, accounts with balances and parties, transactions, and signed webhooks. Tink publishes no OpenAPI file
//! and no client library, so this rests on its documentation and its Postman collection only; where those are silent the
//! words are ours, such as the error codes.
//!
//! Traps on purpose: amounts are an unscaled value and a scale, texts or numbers; the end of a list is an empty
//! `nextPageToken` or none; a pending transaction has another id after every refresh of its account; scopes are written
//! with commas; there is no way to ask what changed.

mod errors;
mod reads;
mod records;
mod scopes;
mod store;
mod users;
mod vendor;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub use self::store::{Amounts, End};

use self::errors::TinkError;
use self::store::Store;
use super::clock::Clock;
use super::kit::hmac_sha256;
use super::kit::limits::{Limit, Verdict};
use super::kit::oauth::{Client, ClientAuth, Grant, OAuth, Policy};
use super::vendors::Start;

/// The client that is let in.
pub const CLIENT_ID: &str = "6a1f0c2e9b7d4f3e8a5c1d2b3e4f5a60";
/// Its secret.
pub const CLIENT_SECRET: &str = "tink-sandbox-secret-of-the-rail";
/// The user who is there from the start and to whom all accounts belong, as the platform calls them.
pub const EXTERNAL_USER_ID: &str = "user-of-the-rail";
/// What webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whs_tink_sandbox_secret_of_the_rail";

/// The fake Tink's state; clones share it.
#[derive(Debug, Clone)]
pub struct Tink(Arc<State>);

#[derive(Debug)]
struct State {
    clock: Clock,
    oauth: OAuth,
    limit: Limit,
    store: Mutex<Store>,
}

impl Tink {
    /// Fills it as told.
    pub fn new(start: &Start) -> Self {
        let client = Client {
            id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned(),
        };
        let policy = Policy {
            grants: &[Grant::Client, Grant::Code, Grant::Refresh],
            client_auth: ClientAuth::Form,
            access_life_s: 1_800,
            refresh_scope: Some("offline"),
            ..Policy::code_flow()
        };
        Self(Arc::new(State {
            clock: start.clock.clone(),
            oauth: OAuth::new(start.seed, start.clock.clone(), policy, client),
            limit: Limit::new(start.clock.clone(), 60),
            store: Mutex::new(Store::new(start.seed, start.size)),
        }))
    }

    /// What the time is for it.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Its token server.
    pub fn oauth(&self) -> &OAuth {
        &self.0.oauth
    }

    /// Tink's id of the user who is there from the start.
    pub fn user_id(&self) -> String {
        self.lock().users[0].id.clone()
    }

    /// A token with which that user's data can be read.
    pub fn user_token(&self) -> String {
        let scope = users::READS.join(" ");
        self.oauth().issue(&scope, &self.user_id()).access_token
    }

    /// Refuses what exceeds so many requests a minute from now on.
    pub fn limit(&self, requests_per_minute: u64) {
        self.0.limit.enforce(requests_per_minute);
    }

    /// How the parts of an amount are written from now on.
    pub fn write_amounts(&self, amounts: Amounts) {
        self.lock().amounts = amounts;
    }

    /// How the end of a list is told from now on.
    pub fn end_lists(&self, end: End) {
        self.lock().end = end;
    }

    /// Adds booked transactions, the newest last, as a refresh from the bank does; answers their ids. Every pending one
    /// has another id afterwards.
    pub fn refresh(&self, transactions: u64) -> Vec<String> {
        let now_s = self.clock().now();
        self.lock().refresh(transactions, now_s)
    }

    /// Books a pending transaction; answers the id it has from then on.
    pub fn book(&self, pending_id: &str) -> Option<String> {
        let now_s = self.clock().now();
        self.lock().book(pending_id, now_s)
    }

    /// The ids of an entity's records, oldest first.
    pub fn ids(&self, entity: &str) -> Vec<String> {
        use super::exchange::Vendor as _;
        self.holds(entity).into_iter().map(|(id, _)| id).collect()
    }

    /// A transaction as it is now.
    pub fn transaction(&self, id: &str) -> Option<Value> {
        Some(self.lock().transactions.get(id)?.body.clone())
    }

    /// The `X-Tink-Signature` header of a webhook with this body, sent now.
    pub fn sign(&self, body: &[u8]) -> String {
        let sent_s = self.clock().now();
        let message = [format!("{sent_s}.").as_bytes(), body].concat();
        let signature: String = hmac_sha256(WEBHOOK_SECRET.as_bytes(), &message)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("t={sent_s},v1={signature}")
    }

    fn within_limit(&self) -> Result<(), TinkError> {
        match self.0.limit.take() {
            Verdict::Passes { .. } => Ok(()),
            Verdict::Refused { .. } => Err(TinkError::rate_limited()),
        }
    }

    /// A test that panics while it changes a record must not take the next request down with it.
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
