//! A fake PayPal.
//!
//! It speaks the part of PayPal's REST API that reading needs: client credentials, transaction search with its windows
//! of 31 days, its delay and its cap, invoices, products, plans, subscriptions, disputes, balances, and webhooks signed
//! with a certificate of its own. Answers have the shapes of PayPal's published OpenAPI files, save where the live API
//! is known to differ; `tests/conformance/paypal_schema.py` lists those places with reasons.
//!
//! Traps on purpose: an empty search has no `transaction_details`, `end_date` comes back earlier than asked for, the
//! same `transaction_id` stands for several transactions, transactions appear hours late, times in reports are written
//! `+0000`, yen have no decimals, links lead to `api.paypal.com` wherever the sandbox is.
//!
//! Simplification: disputes are dated by the clock at the start, not by the year 2025, because PayPal lists those of the
//! last 180 days only.

mod disputes;
mod entity;
mod errors;
mod lists;
mod query;
mod records;
mod reporting;
mod store;
mod vendor;
mod webhooks;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;

pub use self::entity::Entity;
pub use self::records::stored_id;
pub use self::webhooks::WEBHOOK_ID;

use self::errors::PayPalError;
use self::store::Store;
use self::webhooks::Signer;
use super::clock::Clock;
use super::kit::limits::{Limit, Verdict};
use super::kit::oauth::{Client, ClientAuth, OAuth, Policy};
use super::vendors::Start;
use crate::draw::mix;

/// The client that is let in.
pub const CLIENT_ID: &str = "AeSandboxClientOfTheRail";
/// Its secret.
pub const CLIENT_SECRET: &str = "EHsandboxSecretOfTheRail";
/// The host in PayPal's links, which is not the one that answers.
const LINK_HOST: &str = "https://api.paypal.com";
/// What the app may do: features of an app are scopes of its tokens.
const SCOPES: [&str; 6] = [
    "https://uri.paypal.com/services/reporting/search/read",
    "https://uri.paypal.com/services/reporting/balances/read",
    "https://uri.paypal.com/services/invoicing/invoices/read",
    "https://uri.paypal.com/services/subscriptions",
    "https://uri.paypal.com/services/disputes/read-seller",
    "https://uri.paypal.com/services/applications/webhooks",
];

/// The fake PayPal's state; clones share it.
#[derive(Debug, Clone)]
pub struct PayPal(Arc<State>);

#[derive(Debug)]
struct State {
    seed: u64,
    clock: Clock,
    oauth: OAuth,
    limit: Limit,
    base_url: OnceLock<String>,
    signer: OnceLock<Signer>,
    answers: AtomicU64,
    store: Mutex<Store>,
}

impl PayPal {
    /// Fills it as told.
    pub fn new(start: &Start) -> Self {
        let client = Client {
            id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned(),
        };
        let policy = Policy {
            client_auth: ClientAuth::Basic,
            access_life_s: 32_400,
            ..Policy::client_credentials()
        };
        Self(Arc::new(State {
            seed: start.seed,
            clock: start.clock.clone(),
            oauth: OAuth::new(start.seed, start.clock.clone(), policy, client),
            limit: Limit::new(start.clock.clone(), 60),
            base_url: OnceLock::new(),
            signer: OnceLock::new(),
            answers: AtomicU64::new(0),
            store: Mutex::new(Store::new(start.seed, start.size, start.clock.now())),
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

    /// Refuses what exceeds so many requests a minute from now on.
    pub fn limit(&self, requests_per_minute: u64) {
        self.0.limit.enforce(requests_per_minute);
    }

    /// Refuses a search that finds more than this, instead of more than 10,000.
    pub fn cap_results(&self, rows: usize) {
        self.lock().result_cap = rows;
    }

    /// Lets transactions appear after this many seconds, instead of three hours.
    pub fn report_after(&self, seconds: i64) {
        self.lock().report_delay_s = seconds;
    }

    /// Takes a feature from the app: calls that need this scope are not authorized any more.
    pub fn withhold(&self, scope: &str) {
        self.lock().withheld.push(scope.to_owned());
    }

    /// Creates records of an entity, the newest last; answers their ids. Empty when there is no such entity.
    pub fn create(&self, entity: &str, records: u64) -> Vec<String> {
        let now_s = self.clock().now();
        Entity::named(entity).map_or_else(Vec::new, |entity| {
            self.lock().create(entity, records, now_s)
        })
    }

    /// Headers as PayPal sends them with a webhook of this body.
    pub fn sign(&self, body: &[u8]) -> Vec<(&'static str, String)> {
        self.signer()
            .headers(body, self.clock().now(), self.base_url())
    }

    /// The certificate that proves those headers, as PEM.
    pub fn certificate(&self) -> &str {
        self.signer().certificate()
    }

    fn signer(&self) -> &Signer {
        self.0.signer.get_or_init(Signer::new)
    }

    fn base_url(&self) -> &str {
        self.0.base_url.get().map_or(LINK_HOST, String::as_str)
    }

    /// The number PayPal's support asks for; another one for every answer.
    fn debug_id(&self) -> String {
        let number = self.0.answers.fetch_add(1, Ordering::Relaxed);
        format!("{:013x}", mix(self.0.seed ^ number) >> 12)
    }

    fn within_limit(&self) -> Result<(), PayPalError> {
        match self.0.limit.take() {
            Verdict::Passes { .. } => Ok(()),
            Verdict::Refused { .. } => Err(PayPalError::rate_limited()),
        }
    }

    /// A record as it is now.
    pub fn record(&self, entity: &str, id: &str) -> Option<Value> {
        let entity = Entity::named(entity)?;
        Some(self.lock().shelf(entity).get(id)?.body.clone())
    }

    /// A test that panics while it changes a record must not take the next request down with it.
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
