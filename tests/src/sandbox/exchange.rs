//! What passes between the server and a vendor.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::faults::Fault;

/// A request as the vendor sees it.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET, POST …
    pub method: Method,
    /// The path without the query.
    pub path: String,
    /// The query's names and values, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// Every header.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Request {
    /// A `GET` of this path and nothing more.
    pub fn get(path: &str) -> Self {
        Self {
            method: Method::GET,
            path: path.to_owned(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body's fields, when it is an HTML form.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }
}

/// An answer before the server, or a fault, sends it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Headers beside the ones the server adds itself.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Answer {
    /// A JSON answer from JSON text.
    pub fn json(status: StatusCode, text: String) -> Self {
        Self::typed(status, "application/json", text)
    }

    /// An answer of any content type.
    pub fn typed(status: StatusCode, content_type: &'static str, text: String) -> Self {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self {
            status,
            headers,
            body: text.into(),
        }
    }

    /// Adds or replaces a header; a value that is none is left out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}

/// What became of the credentials of a request. The log keeps this in place of the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Authorization {
    /// There were none.
    Absent,
    /// They were not the account's.
    Wrong,
    /// They were right and may do everything.
    Right,
    /// They were right and may do some things.
    Restricted,
}

/// A change to what a vendor holds, as `POST /_sandbox/mutations` takes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    tag = "op",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Mutation {
    /// Creates `count` records of the entity.
    Create {
        /// The entity's name.
        entity: String,
        /// How many.
        count: u64,
    },
    /// Merges the patch into a record (RFC 7396, save that `null` sets a field to null instead of taking it away).
    Update {
        /// The entity's name.
        entity: String,
        /// The record's id.
        id: String,
        /// The fields to change.
        patch: Value,
    },
    /// Deletes a record.
    Delete {
        /// The entity's name.
        entity: String,
        /// The record's id.
        id: String,
    },
    /// Stops the clock at a Unix second.
    SetClock {
        /// The second.
        unix_s: i64,
    },
    /// Moves the clock on.
    AdvanceClock {
        /// By how much.
        seconds: i64,
    },
    /// Ends the life of every access token; what refreshes them goes on working.
    ExpireTokens,
    /// Takes every token back, those that refresh too, as a customer who disconnects the app does.
    RevokeTokens,
}

/// A fake vendor: what differs between the services the sandbox stands in for.
pub trait Vendor: Send + Sync + 'static {
    /// The id of the connector it stands in for: `stripe`.
    fn connector(&self) -> &'static str;

    /// Credentials, as a connection of that connector brings them, which open this sandbox. Where the vendor issues
    /// tokens these are new ones on every call, which revoke no earlier ones.
    fn credentials(&self) -> Value;

    /// The truth: the records of this entity (by its name in the catalogue) that exist now, by the id under which the
    /// connector stores them. Empty when there is no such entity.
    fn holds(&self, entity: &str) -> Vec<(String, Value)>;

    /// Told once where it is served (`http://127.0.0.1:4711`), for the vendors that say so in their answers.
    fn opened(&self, _base_url: &str) {}

    /// The request headers the log keeps, in lower case. Never one that carries a secret.
    fn headers_of_interest(&self) -> &'static [&'static str];

    /// What the request's credentials are worth.
    fn authorization(&self, request: &Request) -> Authorization;

    /// Answers a request; with a fault that spoils pages, spoils the page.
    fn answer(&self, request: &Request, fault: Option<&Fault>) -> Answer;

    /// Refuses a request with this status in the vendor's own error shape.
    fn refusal(&self, status: StatusCode) -> Answer;

    /// Changes what it holds; answers what changed, or why not.
    fn mutate(&self, mutation: Mutation) -> Result<Value, String>;
}
