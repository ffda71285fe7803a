//! A fake QuickBooks Online.
//!
//! It speaks the part of the protocol that reading needs: the code flow with its realm, queries in QuickBooks' own
//! language, single reads, change data capture with its deletions, and reports. Its traps are the vendor's: XML unless
//! JSON is asked for, empty pages without a list, positions that begin at one, name lists that hide what is inactive,
//! changes that end at a thousand without a word, and faults in three shapes.
//!
//! Simplifications: one company with one currency, no LIKE and no list of fields in queries, no limit per second, amounts
//! in XML pass through doubles, and nothing is written over HTTP. Which order a query without ORDERBY has, and which of too
//! many changes are left out, is the sandbox's own choice: QuickBooks promises neither. A refresh token that was replaced is
//! dead at once, which is the strictest reading of what Intuit promises.

mod cdc;
mod company;
mod entity;
mod errors;
mod query;
mod reads;
mod records;
mod reports;
mod select;
mod times;
mod vendor;
mod webhooks;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};

pub use self::entity::Entity;
pub use self::webhooks::Change;

use self::company::Company;
use super::clock::Clock;
use super::exchange::Vendor as _;
use super::kit::limits::Limit;
use super::kit::oauth::{Client, ClientAuth, OAuth, Policy, Reuse, Rotation};
use super::kit::pages::Aftermath;
use super::kit::times::FIRST_YEAR;
use super::vendors::Start;

/// The one scope that reads books.
const SCOPE: &str = "com.intuit.quickbooks.accounting";

/// What a fault does after a page, and to which entity.
type After = (Entity, Aftermath);

/// The fake QuickBooks' state; clones share it.
#[derive(Debug, Clone)]
pub struct QuickBooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    realm: String,
    verifier_token: String,
    clock: Clock,
    oauth: OAuth,
    limit: Limit,
    company: Mutex<Company>,
    answered: AtomicU64,
    base_url: OnceLock<String>,
}

impl QuickBooks {
    /// A company of the size asked for: that many customers and invoices.
    pub fn new(start: &Start) -> Self {
        // The value changes about once a day.
        let rotation = Rotation::OlderThan {
            age_s: 86_400,
            grace_s: 0,
        };
        Self::with(start, rotation, Reuse::Refused)
    }

    /// The same with a stricter OAuth server than Intuit's: every use of a refresh token replaces it, and a second use ends
    /// all tokens that came of it.
    pub fn stern(start: &Start) -> Self {
        Self::with(start, Rotation::Always { grace_s: 0 }, Reuse::RevokesFamily)
    }

    fn with(start: &Start, rotation: Rotation, reuse: Reuse) -> Self {
        let policy = Policy {
            client_auth: ClientAuth::Basic,
            rotation,
            reuse,
            refresh_life_s: Some(100 * 86_400),
            ..Policy::code_flow()
        };
        let client = Client {
            id: "ABsandboxQuickBooksClient".to_owned(),
            secret: "sandbox-quickbooks-secret".to_owned(),
        };
        Self(Arc::new(Inner {
            realm: format!("93414500000{:05}", start.seed % 100_000),
            verifier_token: format!("sandbox-verifier-{}", start.seed),
            clock: start.clock.clone(),
            oauth: OAuth::new(start.seed, start.clock.clone(), policy, client),
            limit: Limit::new(start.clock.clone(), 60),
            company: Mutex::new(Company::new(start.seed, start.size, FIRST_YEAR)),
            answered: AtomicU64::new(1),
            base_url: OnceLock::new(),
        }))
    }

    /// The company's id.
    pub fn realm(&self) -> &str {
        &self.0.realm
    }

    /// The key that webhooks are signed with.
    pub fn verifier_token(&self) -> &str {
        &self.0.verifier_token
    }

    /// What the time is for it.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Who may come in.
    pub fn oauth(&self) -> &OAuth {
        &self.0.oauth
    }

    /// Requests per minute; QuickBooks allows 500 to a company, the sandbox any number until told.
    pub fn limit(&self) -> &Limit {
        &self.0.limit
    }

    /// The ids of the live records, inactive names included, oldest first.
    pub fn ids(&self, entity: &str) -> Vec<String> {
        self.holds(entity).into_iter().map(|(id, _)| id).collect()
    }

    /// What Intuit's own libraries ask first: where everything is.
    fn discovery(&self) -> Value {
        let base = self.0.base_url.get().map_or("", String::as_str);
        json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/connect/oauth2"),
            "token_endpoint": format!("{base}/oauth2/v1/tokens/bearer"),
            "revocation_endpoint": format!("{base}/v2/oauth2/tokens/revoke"),
            "userinfo_endpoint": format!("{base}/v1/openid_connect/userinfo"),
            "jwks_uri": format!("{base}/op/v1/jwks"),
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", SCOPE],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        })
    }

    fn company_info(&self) -> Value {
        let mut info: Value =
            serde_json::from_str(include_str!("templates/company_info.json")).unwrap_or_default();
        let time = times::pacific(FIRST_YEAR.0);
        info["MetaData"] = json!({ "CreateTime": time, "LastUpdatedTime": time });
        info
    }

    /// What the vendor's support asks for.
    fn support_id(&self) -> String {
        let number = self.0.answered.fetch_add(1, Ordering::Relaxed);
        format!("1-sandbox-{number:012}")
    }

    /// A test that panics while it changes a record must not take the next request down with it.
    fn lock(&self) -> MutexGuard<'_, Company> {
        self.0
            .company
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
