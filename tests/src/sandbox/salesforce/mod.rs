//! A fake Salesforce.
//!
//! It speaks the part of the protocol that reading needs: the code flow and client credentials, descriptions of objects,
//! queries with and without what lies in the bin, single records, deletions in a span of time, and query jobs in bulk. Its
//! traps are the vendor's: tokens that do not say when they end, times and numbers in Java's forms (and times in another
//! form in files), relative URLs of next pages whose cursors can die, errors in arrays, objects that a user may not see,
//! records that only `queryAll` shows, limits that end without a word about when.
//!
//! Simplifications: one user, who owns everything; no fields of other objects, functions, dates by name, LIKE or NOT in
//! queries; activities are archived from the start, or by a change of their field, and no others later; a day of requests
//! is the day by the calendar; a bulk job goes on by one step whenever it is asked about and is never deleted by time; and
//! nothing is written over HTTP. The order of a query that asks for none, and what Salesforce says to a bulk job in the
//! wrong state, is the sandbox's own choice.

mod bulk;
mod cursors;
mod describe;
mod entity;
mod errors;
mod fields;
mod ids;
mod org;
mod queries;
mod records;
mod sobjects;
mod soql;
mod times;
mod vendor;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};

pub use self::entity::Entity;

use self::bulk::Job;
use self::cursors::Cursors;
use self::org::Org;
use super::clock::Clock;
use super::exchange::Vendor as _;
use super::kit::limits::{Limit, Verdict};
use super::kit::oauth::{AccessForm, Client, ClientAuth, Grant, OAuth, Policy, Reuse, Rotation};
use super::kit::times::FIRST_YEAR;
use super::vendors::Start;

/// The scope that reads records and goes on doing so.
const SCOPE: &str = "refresh_token api";

/// The organization's id.
const ORGANIZATION: &str = "00D5g000001SANDEA0";

/// Requests per day until told otherwise.
const DAILY: u64 = 1_000_000;

/// The versions of the API there are.
const VERSIONS: std::ops::RangeInclusive<u32> = 59..=66;

/// The fake Salesforce's state; clones share it.
#[derive(Debug, Clone)]
pub struct Salesforce(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    oauth: OAuth,
    limit: Limit,
    state: Mutex<State>,
    base_url: OnceLock<String>,
}

/// What changes while it is used.
#[derive(Debug)]
struct State {
    org: Org,
    cursors: Cursors,
    jobs: Vec<Job>,
    /// The rows of a page, and those of a part of a bulk job's results.
    rows: usize,
    bulk_rows: usize,
    daily: u64,
}

impl Salesforce {
    /// An org of the size asked for: that many accounts and contacts.
    pub fn new(start: &Start) -> Self {
        let policy = Policy {
            grants: &[Grant::Code, Grant::Refresh, Grant::Client],
            client_auth: ClientAuth::Either,
            rotation: Rotation::Never,
            reuse: Reuse::Refused,
            access_form: AccessForm::Opaque,
            access_life_s: 2 * 3_600,
            refresh_life_s: None,
            refresh_scope: None,
        };
        let client = Client {
            id: "3MVG9sandboxSalesforceClient".to_owned(),
            secret: "sandbox-salesforce-secret".to_owned(),
        };
        let clock = start.clock.clone();
        let limit = Limit::new(clock.clone(), 86_400);
        limit.enforce(DAILY);
        Self(Arc::new(Inner {
            oauth: OAuth::new(start.seed, clock.clone(), policy, client),
            limit,
            state: Mutex::new(State {
                org: Org::new(start.seed, start.size, FIRST_YEAR),
                cursors: Cursors::default(),
                jobs: Vec::new(),
                rows: 2_000,
                bulk_rows: 50_000,
                daily: DAILY,
            }),
            base_url: OnceLock::new(),
            clock,
        }))
    }

    /// What the time is for it.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Who may come in.
    pub fn oauth(&self) -> &OAuth {
        &self.0.oauth
    }

    /// The ids of the live records, oldest first.
    pub fn ids(&self, entity: &str) -> Vec<String> {
        self.holds(entity).into_iter().map(|(id, _)| id).collect()
    }

    /// Takes an object out of the user's sight: to them there is no such type.
    pub fn withhold(&self, entity: Entity) {
        self.lock().org.withhold(entity);
    }

    /// Gives no more than so many rows in a page, whatever is asked for. Salesforce promises no number.
    pub fn shrink_pages(&self, rows: usize) {
        self.lock().rows = rows.clamp(1, 2_000);
    }

    /// Gives no more than so many rows of a bulk job's results at once.
    pub fn shrink_results(&self, rows: usize) {
        self.lock().bulk_rows = rows.max(1);
    }

    /// Ends every query that was not read to its end.
    pub fn drop_cursors(&self) {
        self.lock().cursors.drop_all();
    }

    /// How many query jobs there are.
    pub fn jobs(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Removes every query job, as Salesforce does with old ones.
    pub fn drop_jobs(&self) {
        self.lock().jobs.clear();
    }

    /// Allows so many requests per day from now on.
    pub fn limit_to(&self, requests: u64) {
        self.lock().daily = requests;
        self.0.limit.enforce(requests);
    }

    /// Counts a request; answers what was used, of how much. One too many has nothing left.
    fn take_from_limit(&self) -> (u64, u64, bool) {
        let daily = self.lock().daily;
        match self.0.limit.take() {
            Verdict::Passes { remaining } => (daily - remaining.unwrap_or(daily), daily, true),
            Verdict::Refused { .. } => (daily, daily, false),
        }
    }

    fn base_url(&self) -> &str {
        self.0.base_url.get().map_or("", String::as_str)
    }

    /// Where the user is.
    fn identity(&self) -> String {
        format!("{}/id/{ORGANIZATION}/{}", self.base_url(), records::USER)
    }

    fn user(&self) -> Value {
        json!({
            "sub": self.identity(), "user_id": records::USER, "organization_id": ORGANIZATION,
            "preferred_username": "reader@sandbox.example.com", "nickname": "reader", "name": "Rail Reader",
            "email": "reader@sandbox.example.com", "email_verified": true, "active": true, "user_type": "STANDARD",
            "zoneinfo": "America/Los_Angeles", "locale": "en_US", "language": "en_US", "utcOffset": -28_800_000,
        })
    }

    /// A test that panics while it changes a record must not take the next request down with it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
