//! A fake Xero.
//!
//! It speaks the part of the protocol that reading needs: the code flow with PKCE, connections and their tenants, lists
//! by page or whole, single records, `If-Modified-Since`. Its traps are the vendor's: XML unless JSON is asked for, a
//! tenant header without which nothing opens, lists without lines unless they come in pages, accounts that ignore pages,
//! archived contacts that hide, records that are deleted by a status, dates as `/Date(…)/`, paths in any case.
//!
//! Simplifications: one organisation, no `where`, one order (`UpdatedDateUTC`), scopes open everything, no limit on what is
//! in flight, and nothing is written over HTTP. The order of a list for which none was asked is the sandbox's own choice.

mod entity;
mod errors;
mod ledger;
mod lists;
mod reads;
mod records;
mod times;
mod vendor;
mod webhooks;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

pub use self::entity::Entity;
pub use self::webhooks::{Change, Webhook};

use self::errors::XeroError;
use self::ledger::Ledger;
use super::clock::Clock;
use super::exchange::Vendor as _;
use super::kit::limits::{Limit, Verdict};
use super::kit::oauth::{AccessForm, Client, ClientAuth, Grant, OAuth, Policy, Reuse, Rotation};
use super::kit::seeded;
use super::kit::times::{FIRST_YEAR, utc};
use super::vendors::Start;
use crate::draw::Draw;

/// What a connection to read books asks for.
const SCOPE: &str = "offline_access accounting.invoices.read accounting.payments.read \
                     accounting.banktransactions.read accounting.manualjournals.read accounting.contacts.read accounting.settings.read";

/// Requests of one tenant that Xero allows per minute and per day, and those of one app per minute.
const ALLOWED: [u64; 3] = [60, 5_000, 10_000];

/// The fake Xero's state; clones share it.
#[derive(Debug, Clone)]
pub struct Xero(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seed: u64,
    tenant: String,
    webhook_key: String,
    clock: Clock,
    oauth: OAuth,
    per_minute: Limit,
    per_day: Limit,
    ledger: Mutex<Ledger>,
    answered: AtomicU64,
    connected_before: AtomicBool,
}

impl Xero {
    /// An organisation of the size asked for: that many contacts and invoices.
    pub fn new(start: &Start) -> Self {
        let policy = Policy {
            grants: &[Grant::Code, Grant::Refresh, Grant::Client],
            client_auth: ClientAuth::Either,
            rotation: Rotation::Always { grace_s: 30 * 60 },
            reuse: Reuse::Refused,
            access_form: AccessForm::Jwt("authentication_event_id"),
            access_life_s: 30 * 60,
            refresh_life_s: Some(60 * 86_400),
            refresh_scope: Some("offline_access"),
        };
        let client = Client {
            id: "5A4DB0CC5A4DB0CC5A4DB0CC5A4DB0CC".to_owned(),
            secret: "sandbox-xero-secret".to_owned(),
        };
        let clock = start.clock.clone();
        Self(Arc::new(Inner {
            seed: start.seed,
            tenant: seeded::guid(&mut Draw::new(start.seed, 0x7e4a, 0)),
            webhook_key: format!("sandbox-webhook-key-{}", start.seed),
            oauth: OAuth::new(start.seed, clock.clone(), policy, client),
            per_minute: Limit::new(clock.clone(), 60),
            per_day: Limit::new(clock.clone(), 86_400),
            ledger: Mutex::new(Ledger::new(start.seed, start.size, FIRST_YEAR)),
            answered: AtomicU64::new(0),
            connected_before: AtomicBool::new(false),
            clock,
        }))
    }

    /// The organisation's tenant id.
    pub fn tenant(&self) -> &str {
        &self.0.tenant
    }

    /// The key that webhooks are signed with.
    pub fn webhook_key(&self) -> &str {
        &self.0.webhook_key
    }

    /// What the time is for it.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Who may come in.
    pub fn oauth(&self) -> &OAuth {
        &self.0.oauth
    }

    /// Requests per minute; Xero allows 60, the sandbox any number until told.
    pub fn per_minute(&self) -> &Limit {
        &self.0.per_minute
    }

    /// Requests per day; Xero allows 5,000, the sandbox any number until told.
    pub fn per_day(&self) -> &Limit {
        &self.0.per_day
    }

    /// The ids of the records that were not taken away for good, oldest first.
    pub fn ids(&self, entity: &str) -> Vec<String> {
        self.holds(entity).into_iter().map(|(id, _)| id).collect()
    }

    /// Counts a request; what is left, as the headers that say so.
    fn take_from_limits(&self) -> Result<[(&'static str, u64); 3], XeroError> {
        let [minute, day, app] = ALLOWED;
        let left = |limit: &Limit, problem, allowed| match limit.take() {
            Verdict::Passes { remaining } => Ok(remaining.unwrap_or(allowed)),
            Verdict::Refused { retry_after_s } => Err(XeroError::Limited {
                problem,
                retry_after_s,
            }),
        };
        Ok([
            (
                "x-minlimit-remaining",
                left(&self.0.per_minute, "minute", minute)?,
            ),
            ("x-daylimit-remaining", left(&self.0.per_day, "day", day)?),
            ("x-appminlimit-remaining", app),
        ])
    }

    /// The tenants that were consented to: all of them, unless the event of one consent is named. Their times have seven
    /// decimals and no zone.
    fn connections(&self, event: &str, asked: Option<&str>) -> Value {
        let guid = |purpose| seeded::guid(&mut Draw::new(self.0.seed, purpose, 0));
        let time = format!("{}.3365440", utc(FIRST_YEAR.0).format("%Y-%m-%dT%H:%M:%S"));
        let connection = |id: u64, event: &str, tenant: &str, name: &str| {
            json!({
                "id": guid(id), "authEventId": event, "tenantId": tenant,
                "tenantType": "ORGANISATION", "tenantName": name,
                "createdDateUtc": time, "updatedDateUtc": time,
            })
        };
        let mut all = vec![connection(
            0x7e4b,
            event,
            self.tenant(),
            "Sandbox Trading Co.",
        )];
        if self.0.connected_before.load(Ordering::Relaxed) {
            all.insert(
                0,
                connection(0x7e4e, &guid(0x7e4f), &guid(0x7e50), "Its Older Sister"),
            );
        }
        all.retain(|one| asked.is_none_or(|asked| one["authEventId"] == asked));
        Value::Array(all)
    }

    /// From now on the same user has consented to another organisation before.
    pub fn connect_another_before(&self) {
        self.0.connected_before.store(true, Ordering::Relaxed);
    }

    fn organisation(&self) -> Value {
        let mut organisation: Value =
            serde_json::from_str(include_str!("templates/organisation.json")).unwrap_or_default();
        organisation["OrganisationID"] = self.tenant().into();
        organisation
    }

    fn next_answer_id(&self) -> String {
        let number = self.0.answered.fetch_add(1, Ordering::Relaxed);
        seeded::guid(&mut Draw::new(self.0.seed, 0x7e4d, number))
    }

    /// A test that panics while it changes a record must not take the next request down with it.
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
