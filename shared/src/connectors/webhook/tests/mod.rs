//! The catalogue's vendors against webhooks that were signed elsewhere: by Python's `hmac` and `cryptography`, as each
//! vendor's documents say (`signed.json`).

mod forged;
mod keys;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{NotTaken, Notice, Told, WebhookKeys};
use crate::connectors::catalogue::FILES;
use crate::connectors::{Connector, Session};
use crate::domain::{Clock, ConnectionId, MemoryVault, Vault};
use crate::http::canned::Canned;
use crate::http::{Guard, Http, Limits};

const URL: &str =
    "https://rail.example.com/api/v1/integrations/connections/conn_x/webhooks/hubspot";

/// When all of them were signed.
fn then() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn signed(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("signed.json")).unwrap();
    all[name].clone()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

/// What a vendor sends, with the credentials of a connection that takes it.
#[derive(Clone)]
struct Sent {
    vendor: &'static str,
    credentials: Map<String, Value>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    method: String,
    url: String,
}

impl Sent {
    fn new(
        vendor: &'static str,
        credentials: &Value,
        headers: &[(&str, String)],
        body: &str,
    ) -> Self {
        let headers = headers.iter();
        Self {
            vendor,
            credentials: credentials.as_object().unwrap().clone(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            body: body.as_bytes().to_vec(),
            method: "POST".to_owned(),
            url: URL.to_owned(),
        }
    }

    fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    fn with_credential(mut self, name: &str, value: &str) -> Self {
        self.credentials.insert(name.to_owned(), json!(value));
        self
    }

    fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// Those that need no key of the vendor's.
fn secrets() -> Vec<Sent> {
    let of =
        |vendor, file: &str, credentials: Value, header: &str, value: &dyn Fn(String) -> String| {
            let signed = signed(file);
            let value = value(text(&signed, "sig"));
            Sent::new(
                vendor,
                &credentials,
                &[(header, value)],
                &text(&signed, "body"),
            )
        };
    let whole = |sig| sig;
    let timed = |sig| format!("t=1780315200,v1={sig}");
    let realm = json!({"webhookVerifierToken": "verifier", "realmId": "42"});
    vec![
        of(
            "stripe",
            "stripe",
            json!({"webhookSecret": "whsec_test"}),
            "stripe-signature",
            &timed,
        ),
        of(
            "tink",
            "tink",
            json!({"webhookSecret": "whs_tink"}),
            "x-tink-signature",
            &timed,
        ),
        of(
            "quickbooks",
            "qb_old",
            realm.clone(),
            "intuit-signature",
            &whole,
        ),
        of("quickbooks", "qb_new", realm, "intuit-signature", &whole),
        of(
            "xero",
            "xero",
            json!({"webhookKey": "xero-key", "tenantId": "ten-1"}),
            "x-xero-signature",
            &whole,
        ),
        of(
            "hubspot",
            "hubspot",
            json!({"clientSecret": "hub-secret"}),
            "x-hubspot-signature-v3",
            &whole,
        )
        .with_header("x-hubspot-request-timestamp", "1780315200000"),
    ]
}

fn stripe() -> Sent {
    secrets().remove(0)
}

fn connector(id: &str, base_url: Option<&str>) -> Connector {
    // Read once: hundreds of cases ask for them.
    static AS_THEY_ARE: LazyLock<Vec<Connector>> = LazyLock::new(|| {
        let files = FILES.iter();
        files
            .map(|(_, file)| Connector::parse(file, None).unwrap())
            .collect()
    });
    let place = FILES.iter().position(|(known, _)| *known == id).unwrap();
    match base_url {
        Some(_) => Connector::parse(FILES[place].1, base_url).unwrap(),
        None => AS_THEY_ARE[place].clone(),
    }
}

/// The id where the connector can ask for records of the entity by theirs.
fn by_id(vendor: &str, id: &'static str) -> Option<&'static str> {
    connector(vendor, None)
        .definition()
        .reading
        .as_ref()
        .map(|_| id)
}

/// An installation that takes webhooks, at a time of its own.
struct Taker {
    http: Http,
    clock: Clock,
    keys: WebhookKeys,
    base_url: Option<String>,
    connection: ConnectionId,
    vault: Arc<dyn Vault>,
}

impl Taker {
    fn new() -> Self {
        static NOWHERE: LazyLock<Http> =
            LazyLock::new(|| Http::new(Guard::public(), Limits::default()).unwrap());
        Self::with(NOWHERE.clone(), None)
    }

    fn at(server: &Canned) -> Self {
        Self::with(server.http(), Some(server.url.clone()))
    }

    fn with(http: Http, base_url: Option<String>) -> Self {
        let clock = Clock::held_at(then());
        Self {
            http: http.with_clock(clock.clone()),
            clock,
            keys: WebhookKeys::default(),
            base_url,
            connection: ConnectionId::new(),
            vault: Arc::new(MemoryVault::default()),
        }
    }

    fn later(self, seconds: u64) -> Self {
        self.clock.advance(Duration::from_secs(seconds));
        self
    }

    async fn take(&self, sent: &Sent) -> Result<Vec<Told>, NotTaken> {
        let connector = connector(sent.vendor, self.base_url.as_deref());
        let session = Session::new(sent.credentials.clone(), Map::new());
        let session = session.with_vault(Arc::clone(&self.vault));
        let notice = Notice {
            connection: self.connection,
            method: &sent.method,
            url: &sent.url,
            headers: sent.headers.clone(),
            body: &sent.body,
        };
        connector
            .receive(&self.http, session, &self.keys, &notice)
            .await
    }
}

fn changes(told: &[Told]) -> BTreeSet<(String, Option<String>)> {
    told.iter()
        .flat_map(|event| event.changes.clone())
        .collect()
}

#[test]
fn the_vendors_that_sign_are_known_to_and_no_others() {
    let signing: Vec<&str> = FILES
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| connector(id, None).signs_webhooks())
        .collect();
    assert_eq!(
        signing,
        [
            "stripe",
            "paypal",
            "quickbooks",
            "xero",
            "hubspot",
            "plaid",
            "tink"
        ]
    );
}

#[test]
fn all_that_is_wrong_with_what_a_file_says_of_webhooks_is_told_with_its_line() {
    let (_, xero) = FILES.iter().find(|(id, _)| *id == "xero").unwrap();
    let wrong = xero
        .replace("contacts = [\"CONTACT\"]", "people = [\"CONTACT\"]")
        .replace("is = \"tenantId\"", "is = \"tenant\"");
    let refused = Connector::parse(&wrong, None).unwrap_err();
    let told: Vec<&str> = refused
        .faults
        .iter()
        .map(|fault| fault.what.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "[webhook] names tenant, which is neither credential, setting nor fact",
            "[webhook] tells of people, which is no entity",
        ]
    );
    assert!(
        refused.faults.iter().all(|fault| fault.line.is_some()),
        "{refused}"
    );
}

#[test]
fn a_file_that_cannot_work_is_refused_with_what_is_wrong() {
    let (_, file) = FILES.iter().find(|(id, _)| *id == "stripe").unwrap();
    let (_, paypal) = FILES.iter().find(|(id, _)| *id == "paypal").unwrap();
    let (_, xero) = FILES.iter().find(|(id, _)| *id == "xero").unwrap();
    for (file, from, to, fault) in [
        (
            file,
            "credential = \"webhookSecret\"",
            "credential = \"secret\"",
            "names secret, which is no credential",
        ),
        (file, "{time}.{body}", "{time}", "the body is not signed"),
        (
            file,
            "{time}.{body}",
            "{when}.{body}",
            "what is signed is made of",
        ),
        (file, "{time}.{body}", "{body", "a brace is not closed"),
        (
            file,
            "{time}.{body}",
            "{body}",
            "names a time and signs it, or neither",
        ),
        (
            xero,
            "over = \"{body}\"",
            "over = \"{time}{body}\"",
            "names a time and signs it, or neither",
        ),
        (
            file,
            "field = \"t\", ",
            "",
            "names either a field or a header for the time",
        ),
        (
            file,
            "id = \"/id\"\nevent_type",
            "event_type",
            "lacks an id, or happened_at",
        ),
        (
            paypal,
            "\"https://api.paypal.com/v1",
            "\"http://api.paypal.com/v1",
            "has certificates in places that begin with https://",
        ),
        (
            xero,
            "contacts = [\"CONTACT\"]",
            "people = [\"CONTACT\"]",
            "tells of people, which is no entity",
        ),
        (
            xero,
            "is = \"tenantId\"",
            "is = \"tenant\"",
            "names tenant, which is neither credential, setting nor fact",
        ),
    ] {
        assert_eq!(file.matches(from).count(), 1, "{from}");
        let refused = Connector::parse(&file.replace(from, to), None).unwrap_err();
        let said = refused.to_string();
        assert!(said.contains(fault), "{to}: {said}");
    }
}
