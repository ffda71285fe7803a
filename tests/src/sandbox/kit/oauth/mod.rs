//! An OAuth 2 server, as much of one as the vendors need: authorization codes with PKCE, client credentials, refresh
//! tokens that rotate, expiry and revocation, all on the sandbox's [`Clock`].
//!
//! Consent is headless: the authorize page answers with the redirect a browser would end up with.

mod client;
mod consent;
mod grants;
mod policy;
mod tokens;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use serde_json::{Value, json};

pub use self::policy::{AccessForm, ClientAuth, Grant, Policy, Reuse, Rotation};
pub use self::tokens::{Counts, Tokens};

use self::tokens::{Book, Code};
use crate::sandbox::clock::Clock;
use crate::sandbox::exchange::{Answer, Authorization, Request};

/// A client that may ask for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its public id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

/// What a bearer token is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// None was sent.
    Absent,
    /// It was never issued.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
    /// It is good.
    Valid {
        /// What it may do.
        scope: String,
        /// On whose behalf: what the vendor gave when the tokens were issued.
        subject: String,
    },
}

impl Bearer {
    /// The verdict for the request log.
    pub fn authorization(&self) -> Authorization {
        match self {
            Self::Absent => Authorization::Absent,
            Self::Valid { .. } => Authorization::Right,
            _ => Authorization::Wrong,
        }
    }
}

/// A refusal in the shape of RFC 6749; vendors with another shape take its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 400, or 401 for a client that is not known.
    pub status: StatusCode,
    /// `invalid_grant` and its kin.
    pub error: &'static str,
    /// A sentence for people.
    pub description: &'static str,
}

impl Refusal {
    pub(super) fn new(error: &'static str, description: &'static str) -> Self {
        let status = match error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        Self {
            status,
            error,
            description,
        }
    }

    /// The answer as the RFC has it.
    pub fn into_answer(self) -> Answer {
        let body = json!({ "error": self.error, "error_description": self.description });
        let answer =
            Answer::json(self.status, body.to_string()).header("cache-control", "no-store");
        match self.status {
            StatusCode::UNAUTHORIZED => answer.header("www-authenticate", "Basic"),
            _ => answer,
        }
    }
}

/// The server's state; clones share it.
#[derive(Debug, Clone)]
pub struct OAuth {
    client: Client,
    policy: Policy,
    clock: Clock,
    book: Arc<Mutex<Book>>,
}

impl OAuth {
    /// A server that knows one client. Tokens follow from the seed.
    pub fn new(seed: u64, clock: Clock, policy: Policy, client: Client) -> Self {
        Self {
            client,
            policy,
            clock,
            book: Arc::new(Mutex::new(Book::new(seed))),
        }
    }

    /// The client it knows.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The authorize page: a redirect with `code` and `state`, and with what the vendor adds, such as a realm.
    pub fn authorize(&self, request: &Request, subject: &str, extras: &[(&str, &str)]) -> Answer {
        consent::answer(self, request, subject, extras)
    }

    /// Refuses the next consent, as somebody who clicks "cancel" does.
    pub fn deny_next_consent(&self) {
        self.lock().deny_next = true;
    }

    /// A code without a redirect, for the vendors whose servers hand them out to servers.
    pub fn grant(&self, scope: &str, subject: &str) -> String {
        self.lock().code(Code {
            redirect_uri: String::new(),
            challenge: None,
            scope: scope.to_owned(),
            subject: subject.to_owned(),
            until_s: self.clock.now() + consent::CODE_LIFE_S,
            used_for: None,
        })
    }

    /// The token endpoint.
    pub fn token(&self, request: &Request) -> Result<Tokens, Refusal> {
        let form = request.form();
        client::check(self, request, &form)?;
        grants::exchange(self, &form)
    }

    /// The revocation endpoint (RFC 7009): takes a token of either kind with its whole family. Unknown ones are fine.
    pub fn revoke(&self, request: &Request) -> Result<(), Refusal> {
        let form = request.form();
        client::check(self, request, &form)?;
        // Some vendors take JSON here in place of a form.
        let json: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let token = client::field(&form, "token")
            .or_else(|| json["token"].as_str())
            .ok_or_else(|| Refusal::new("invalid_request", "the parameter 'token' is missing"))?;
        self.lock().revoke(token);
        Ok(())
    }

    /// Tokens without a consent, for a connection made from ready ones.
    pub fn issue(&self, scope: &str, subject: &str) -> Tokens {
        self.lock()
            .issue(&self.policy, self.clock.now(), scope, subject)
    }

    /// The consent that the bearer token of a request came of, where it is a JWT that tells it.
    pub fn event(&self, request: &Request) -> Option<String> {
        let AccessForm::Jwt(claim) = self.policy.access_form else {
            return None;
        };
        let (_, token) = request.header(AUTHORIZATION.as_str())?.split_once(' ')?;
        tokens::claim(token, claim)
    }

    /// What the bearer token of a request is worth.
    pub fn bearer(&self, request: &Request) -> Bearer {
        let token = request
            .header(AUTHORIZATION.as_str())
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match token {
            Some(token) => self.lock().worth(token, self.clock.now()),
            None => Bearer::Absent,
        }
    }

    /// The verdict for the request log: of the bearer token or, where there is none, of the client.
    pub fn authorization(&self, request: &Request) -> Authorization {
        match self.bearer(request) {
            Bearer::Absent => client::verdict(self, request),
            bearer => bearer.authorization(),
        }
    }

    /// Ends the life of every access token; refresh tokens go on working.
    pub fn expire_access_tokens(&self) -> Value {
        json!({ "expired": self.lock().expire_access(self.clock.now()) })
    }

    /// Takes every token back, as a customer who disconnects the app does.
    pub fn revoke_everything(&self) -> Value {
        json!({ "revoked": self.lock().revoke_all() })
    }

    /// How often tokens were asked for, and how that ended.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
