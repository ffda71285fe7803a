//! What is asked of another system, in words of ours.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};

/// The verbs in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads nothing but the headers.
    Head,
    /// Creates, or asks with a body.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

#[derive(Clone)]
pub(super) enum Value {
    Plain(String),
    Secret(SecretString),
}

impl Value {
    pub(super) fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose_secret(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => fmt::Debug::fmt(text, f),
            Self::Secret(_) => f.write_str("[secret]"),
        }
    }
}

/// One request. Its `Debug` shows neither secrets nor the body.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(String, Value)>,
    pub(super) query: Vec<(String, Value)>,
    pub(super) body: Option<Bytes>,
    pub(super) compressed: Compressed,
    pub(super) only_first: Option<usize>,
    pub(super) within: Option<Duration>,
}

/// What becomes of an answer that arrives compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compressed {
    /// It is asked for, and decompressed.
    Undone,
    /// It is not asked for, and left as it is.
    Kept,
}

impl Request {
    /// A request without headers, query or body. The URL may have a query of its own.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            query: Vec::new(),
            body: None,
            compressed: Compressed::Undone,
            only_first: None,
            within: None,
        }
    }

    /// A `GET`.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Value::Plain(value.into())));
        self
    }

    /// Adds a header that is never shown.
    #[must_use]
    pub fn secret_header(mut self, name: impl Into<String>, value: SecretString) -> Self {
        self.headers.push((name.into(), Value::Secret(value)));
        self
    }

    /// Adds a query parameter; the same name may be added again.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), Value::Plain(value.into())));
        self
    }

    /// Adds a query parameter that is never shown.
    #[must_use]
    pub fn secret_query(mut self, name: impl Into<String>, value: SecretString) -> Self {
        self.query.push((name.into(), Value::Secret(value)));
        self
    }

    /// Wants the bytes of the answer as they are kept at the other side: of a part of a compressed file nothing can be made.
    #[must_use]
    pub fn as_kept(mut self) -> Self {
        self.compressed = Compressed::Kept;
        self
    }

    /// Wants only so many bytes of the answer's body, and the status even if they do not come.
    #[must_use]
    pub fn only_first(mut self, bytes: usize) -> Self {
        self.only_first = Some(bytes);
        self
    }

    /// Gives the whole answer as long as this to come, in place of what the client's limits say.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &self.headers)
            .field("query", &self.query)
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_but_no_secret_and_no_body() {
        let request = Request::new(Method::Post, "https://vendor.example/v1")
            .secret_header("Authorization", "Bearer sk_test_hidden".into())
            .secret_query("api_key", "also_hidden".into())
            .query("limit", "100")
            .body("password=hidden");
        let shown = format!("{request:?}");
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(shown.contains("Authorization") && shown.contains("api_key"));
        assert!(shown.contains("100"));
    }
}
