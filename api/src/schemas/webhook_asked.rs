//! Webhooks on the wire, as callers ask for them.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{ConnectionId, EventId, EventType, Faults};
use rail_shared::http::Networks;
use rail_shared::secrets::{SecretString, SigningSecret};
use serde_json::Value;
use url::Url;

use super::wire::{AnyObject, Id, Word};
use crate::http::body::{Asked, Json, Need};
use crate::http::shapes::child;

/// Headers that are ours to say, or that speak of the connection.
const OWN_HEADERS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];
/// Of one webhook.
pub const MOST_HEADERS: usize = 20;

/// A webhook to be made.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct NewWebhook {
    /// Where to send events, by https; within networks that the operator allows also by http.
    #[oai(validator(min_length = 1, max_length = 2000))]
    url: String,
    /// What to say of it.
    #[oai(nullable, validator(max_length = 500))]
    description: Option<String>,
    /// Which events; all when left out.
    #[oai(nullable, validator(min_items = 1, unique_items))]
    event_types: Option<Vec<Word<EventType>>>,
    /// Events on which connections; all, and those on none, when left out.
    #[oai(nullable, validator(min_items = 1, max_items = 100, unique_items))]
    connection_ids: Option<Vec<Id<ConnectionId>>>,
    /// Headers to send along, by their names: up to 20. They are kept sealed.
    headers: Option<AnyObject>,
    /// At most so many events a second.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "1000")))]
    max_per_second: Option<i32>,
    /// What to sign with: `whsec_` and the base64 of 24 to 64 bytes. One is made when it is left out.
    #[oai(validator(max_length = 200))]
    secret: Option<String>,
}

/// A change of a webhook (RFC 7396): what is given replaces, null removes, what is left out stays.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct WebhookPatch {
    /// Where to send events.
    #[oai(validator(min_length = 1, max_length = 2000))]
    url: Option<String>,
    /// What to say of it.
    #[oai(nullable, validator(max_length = 500))]
    description: Option<String>,
    /// Which events; null: all.
    #[oai(nullable, validator(min_items = 1, unique_items))]
    event_types: Option<Vec<Word<EventType>>>,
    /// Events on which connections; null: all, and those on none.
    #[oai(nullable, validator(min_items = 1, max_items = 100, unique_items))]
    connection_ids: Option<Vec<Id<ConnectionId>>>,
    /// Headers to change; null removes one.
    headers: Option<AnyObject>,
    /// At most so many events a second; null: as many as there are.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "1000")))]
    max_per_second: Option<i32>,
}

/// What is said of a webhook: of each thing, whether it is said, and what.
pub struct WebhookMeant {
    /// The receiver.
    pub url: Option<String>,
    /// What its owner says of it.
    pub description: Option<Option<String>>,
    /// Which events.
    pub event_types: Option<Option<Vec<EventType>>>,
    /// On which connections.
    pub connection_ids: Option<Option<Vec<ConnectionId>>>,
    /// Headers by their names; `None` removes.
    pub headers: BTreeMap<String, Option<SecretString>>,
    /// At most so many a second.
    pub max_per_second: Option<Option<i32>>,
    /// What to sign with.
    pub secret: Option<SigningSecret>,
}

impl fmt::Debug for WebhookMeant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookMeant").finish_non_exhaustive()
    }
}

impl Asked for NewWebhook {
    type Meant = WebhookMeant;
    type Rules<'a> = &'a Networks;

    fn read(body: &Json, networks: &Networks, faults: &mut Faults) -> Option<WebhookMeant> {
        let secret = body.text_at("/secret").map(SigningSecret::parse);
        let secret = match secret.transpose() {
            Ok(secret) => secret,
            Err(bad) => {
                faults.add("/secret", "bad-secret", format!("{bad}."));
                None
            }
        };
        let meant = read(body, networks, faults)?;
        meant
            .url
            .is_some()
            .then_some(WebhookMeant { secret, ..meant })
    }
}

impl Asked for WebhookPatch {
    type Meant = WebhookMeant;
    type Rules<'a> = &'a Networks;
    const MEDIA_TYPES: &'static [&'static str] =
        &["application/merge-patch+json", "application/json"];

    fn read(body: &Json, networks: &Networks, faults: &mut Faults) -> Option<WebhookMeant> {
        read(body, networks, faults)
    }
}

fn read(body: &Json, networks: &Networks, faults: &mut Faults) -> Option<WebhookMeant> {
    let said = |member: &str| body.value().get(member);
    let url = body.text_at("/url");
    if let Some(url) = url {
        check_url(url, networks, faults);
    }
    let texts = |pointer: &str| body.texts_at(pointer).unwrap_or_default().into_iter();
    let types = texts("/eventTypes").filter_map(|word| word.parse().ok());
    let connections = texts("/connectionIds").filter_map(|id| id.parse().ok());
    let whole = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
    let given = |value: &Value| !value.is_null();
    Some(WebhookMeant {
        url: url.map(str::to_owned),
        description: said("description").map(|value| value.as_str().map(str::to_owned)),
        event_types: said("eventTypes").map(|value| given(value).then(|| types.collect())),
        connection_ids: said("connectionIds")
            .map(|value| given(value).then(|| connections.collect())),
        headers: headers(body, faults),
        max_per_second: said("maxPerSecond").map(whole),
        secret: None,
    })
}

fn check_url(url: &str, networks: &Networks, faults: &mut Faults) {
    let pointer = "/url";
    let parsed = Url::parse(url).ok();
    let Some(parsed) = parsed.filter(|url| matches!(url.scheme(), "http" | "https")) else {
        faults.add(
            pointer,
            "bad-url",
            "A URL that begins with https:// is expected.",
        );
        return;
    };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        let detail = "A URL is shown to whoever may read; put what is secret into `headers`.";
        faults.add(pointer, "credentials-in-url", detail);
    }
    if parsed.fragment().is_some() {
        faults.add(pointer, "bad-url", "What follows a # is not sent.");
    }
    if parsed.scheme() == "http" && !networks.name(&parsed) {
        let detail = "Events go by https; by http only to addresses that the operator allows.";
        faults.add(pointer, "https-required", detail);
    }
}

fn headers(body: &Json, faults: &mut Faults) -> BTreeMap<String, Option<SecretString>> {
    let mut read = BTreeMap::new();
    let given = body.at("/headers").and_then(Value::as_object);
    for (name, value) in given.into_iter().flatten() {
        let pointer = child("/headers", name);
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || name.len() > 100 || !name.chars().all(is_token) {
            faults.add(
                pointer,
                "bad-header",
                "This cannot be the name of a header.",
            );
            continue;
        }
        if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            faults.add(pointer, "bad-header", "This header is not yours to say.");
            continue;
        }
        let value = match value {
            Value::Null => None,
            Value::String(text)
                if text.len() <= 2_000 && text.bytes().all(|b| (32..127).contains(&b)) =>
            {
                Some(text.as_str().into())
            }
            _ => {
                let detail = "A header says up to 2,000 characters of ASCII that can be seen.";
                faults.add(pointer, "bad-header", detail);
                continue;
            }
        };
        read.insert(name.to_ascii_lowercase(), value);
    }
    if read.len() > MOST_HEADERS {
        faults.add(
            "/headers",
            "too-many",
            format!("There are up to {MOST_HEADERS} headers."),
        );
    }
    read
}

/// Which event to send once more.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct Resend {
    /// The event.
    event_id: Id<EventId>,
}

impl Asked for Resend {
    type Meant = EventId;
    type Rules<'a> = ();

    fn read(body: &Json, (): (), _: &mut Faults) -> Option<EventId> {
        body.text_at("/eventId")?.parse().ok()
    }
}

/// What to send once more.
#[derive(Debug, Object)]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct Recover {
    /// Events since this instant; all that are kept when left out.
    since: Option<DateTime<Utc>>,
}

impl Asked for Recover {
    type Meant = DateTime<Utc>;
    type Rules<'a> = ();
    const NEED: Need = Need::Optional;

    fn read(body: &Json, (): (), faults: &mut Faults) -> Option<DateTime<Utc>> {
        let Some(text) = body.text_at("/since") else {
            return Some(DateTime::UNIX_EPOCH);
        };
        let since = DateTime::parse_from_rfc3339(text).ok();
        if since.is_none() && !faults.touch("/since") {
            faults.add(
                "/since",
                "bad-time",
                "A time as RFC 3339 writes it is expected.",
            );
        }
        Some(since?.to_utc())
    }
}
