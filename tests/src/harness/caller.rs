//! Somebody who uses the product over HTTP.

use std::net::SocketAddr;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

/// A caller with a key.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client,
    origin: String,
    key: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, where it is JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The `data` of an answer of this status.
    ///
    /// # Panics
    /// When the status is another; the message holds the body.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        match self.body {
            Value::Object(mut body) if body.contains_key("data") => {
                body.remove("data").unwrap_or_default()
            }
            other => other,
        }
    }

    /// The `code` of a problem of this status.
    ///
    /// # Panics
    /// When the status is another, or the body is no problem.
    #[track_caller]
    #[must_use]
    pub fn problem(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text
        );
        for member in ["type", "title", "detail", "requestId"] {
            assert!(
                self.body[member].is_string(),
                "no {member} in {}",
                self.text
            );
        }
        assert_eq!(self.body["status"], status);
        self.body["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no code in {}", self.text))
    }

    /// The faults of a problem as `pointer code`, sorted.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let faults = self.body["errors"].as_array().cloned().unwrap_or_default();
        let mut told: Vec<String> = faults
            .iter()
            .map(|fault| {
                format!(
                    "{} {}",
                    fault["pointer"].as_str().unwrap_or("?"),
                    fault["code"].as_str().unwrap_or("?")
                )
            })
            .collect();
        told.sort();
        told
    }

    /// A header's text, empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl Caller {
    pub(crate) fn new(address: SocketAddr, key: &str) -> Self {
        Self {
            client: Client::new(),
            origin: format!("http://{address}"),
            key: key.to_owned(),
        }
    }

    /// The same without a key.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            key: String::new(),
            ..self.clone()
        }
    }

    /// The same with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    /// The same, speaking to another api.
    pub(super) fn at(&self, address: SocketAddr) -> Self {
        Self {
            origin: format!("http://{address}"),
            ..self.clone()
        }
    }

    /// A request below the base path; or, for a path that begins with `//`, below the root.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = match path.strip_prefix("//") {
            Some(rest) => format!("{}/{rest}", self.origin),
            None => format!("{}/api/v1/integrations{path}", self.origin),
        };
        let request = self.client.request(method, url);
        if self.key.is_empty() {
            request
        } else {
            request.bearer_auth(&self.key)
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// GET; `None` when no answer comes, as while the api starts.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        try_send(self.request(Method::GET, path)).await
    }

    /// POST; `None` when no answer comes, as from an api that was killed.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        try_send(self.request(Method::POST, path).json(body)).await
    }

    /// POST; without a body where it is null.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path);
        send(if body.is_null() {
            request
        } else {
            request.json(body)
        })
        .await
    }

    /// POST with an Idempotency-Key.
    pub async fn post_once(&self, path: &str, body: &Value, key: &str) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header("Idempotency-Key", key);
        send(if body.is_null() {
            request
        } else {
            request.json(body)
        })
        .await
    }

    /// A connection to the sandbox; returns its id.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn connect_stripe(&self) -> String {
        let body = json!({"connectorId": "stripe", "name": "Stripe", "credentials": {"apiKey": "${IOF_CONNECTOR_API_KEY}"}});
        let made = self.post("/connections", &body).await.expect(201);
        made["connectionId"].as_str().expect("an id").to_owned()
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PATCH, path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }
}

/// Sends a request that was put together by hand.
///
/// # Panics
/// When no answer comes.
pub async fn send(request: RequestBuilder) -> Answer {
    answered(request).await.expect("an answer")
}

/// The same where no answer is an answer too.
pub async fn try_send(request: RequestBuilder) -> Option<Answer> {
    answered(request).await.ok()
}

async fn answered(request: RequestBuilder) -> reqwest::Result<Answer> {
    let answer = request.send().await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await?;
    let body = serde_json::from_str(&text).unwrap_or_default();
    Ok(Answer {
        status,
        headers,
        body,
        text,
    })
}
