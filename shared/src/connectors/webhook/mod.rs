//! Webhooks of vendors: whether a notice is the vendor's own, and what it tells.
//!
//! A notice is checked over its bytes as they came, before anything of it is read. Whoever cannot sign learns nothing: a
//! missing, a malformed and a wrong signature are one answer, and how old a notice is matters only once its signature is
//! right. What a file cannot say is a hook: [`jwt`] for Plaid, [`paypal`] for PayPal.

mod hmac;
mod jwt;
mod keys;
mod paypal;
mod rules;
mod told;
mod x509;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::file::Signature;
use super::{Connector, Session};
use crate::domain::{ConnectionId, Failure, VaultError};
use crate::http::Http;

pub use keys::WebhookKeys;
pub(super) use rules::WebhookRules;
pub use told::Told;

/// A request that came in as a vendor's webhook.
pub struct Notice<'d> {
    /// Of which connection.
    pub connection: ConnectionId,
    /// The method, in capitals.
    pub method: &'d str,
    /// The URL that the vendor called, as it was told it.
    pub url: &'d str,
    /// The headers that are text, by their names in small letters; of one that came several times, all with commas between
    /// them.
    pub headers: BTreeMap<String, String>,
    /// The body, byte by byte.
    pub body: &'d [u8],
}

impl Notice<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.get(&name.to_ascii_lowercase());
        found.map(String::as_str)
    }
}

/// A body shows what is nobody else's business.
impl fmt::Debug for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice")
            .field("connection", &self.connection)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why a notice is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The vendor signs nothing.
    #[error("the vendor signs no webhooks")]
    Unsigned,
    /// The connection lacks what notices are checked with.
    #[error("the connection's credentials lack {0}")]
    Lacks(String),
    /// Its signature is missing, malformed or wrong: which of them is not told.
    #[error("the signature is not right")]
    Forged,
    /// It is rightly signed, and so many seconds older, or further ahead, than that.
    #[error("it was signed more than {within_seconds} s from now")]
    Stale {
        /// How old it may be.
        within_seconds: u32,
    },
    /// It is rightly signed, and no body of the vendor's as we know them.
    #[error("the body cannot be read: {0}")]
    Unreadable(&'static str),
    /// Whose account the connection's is could not be read just now.
    #[error("the grant cannot be read")]
    NoGrant(#[from] VaultError),
    /// The vendor's key could not be had just now.
    #[error("the key cannot be had: {}", .0.message)]
    NoKey(Failure),
}

impl Connector {
    /// Whether the vendor signs webhooks, so that notices can be taken.
    #[must_use]
    pub fn signs_webhooks(&self) -> bool {
        self.definition().webhook.is_some()
    }

    /// Checks a notice, and says what it tells of this connector's entities.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn receive(
        &self,
        http: &Http,
        session: Session,
        keys: &WebhookKeys,
        notice: &Notice<'_>,
    ) -> Result<Vec<Told>, NotTaken> {
        let definition = self.definition();
        let rules = definition.webhook.as_ref().ok_or(NotTaken::Unsigned)?;
        let (source, now) = (self.open(http, session), http.now());
        let session = source.session();
        match &rules.file.signature {
            Signature::HmacSha256 { .. } => {
                hmac::check(&rules.file.signature, session, notice, now)?;
            }
            Signature::JwtEs256 {
                header,
                body_sha256,
                within_seconds,
                key,
            } => {
                let jwt = jwt::Jwt::parse(notice.header(header)).ok_or(NotTaken::Forged)?;
                let fetch = async || jwt::fetch(&source, key, jwt.kid()).await;
                let key = keys.get(notice.connection, jwt.kid(), now, fetch).await?;
                jwt.check(&key, body_sha256, notice.body, now)?;
                fresh(jwt.issued_at(), *within_seconds, now)?;
            }
            Signature::Paypal {
                credential,
                certificates,
                within_seconds,
            } => {
                let id = session.text(credential);
                let id = id.ok_or_else(|| NotTaken::Lacks(credential.clone()))?;
                let sent = paypal::Transmission::of(notice).ok_or(NotTaken::Forged)?;
                let at = rules.operators_url.as_deref();
                if !paypal::is_certificate(sent.certificate, certificates, at) {
                    return Err(NotTaken::Forged);
                }
                let (name, fetch) = (sent.certificate, async || {
                    paypal::fetch(http, sent.certificate).await
                });
                let key = keys.get(notice.connection, name, now, fetch).await?;
                sent.check(&key, &id, notice.body, now)?;
                fresh(sent.time(), *within_seconds, now)?;
            }
        }
        if rules.asks_for_facts(session) {
            session.recall().await?;
        }
        told::told(rules, definition, session, notice, now)
    }
}

/// Whether a time that is signed is near enough.
fn fresh(
    signed_at: Option<DateTime<Utc>>,
    within_seconds: u32,
    now: DateTime<Utc>,
) -> Result<(), NotTaken> {
    // What is signed and no time is not what we know.
    let signed_at = signed_at.ok_or(NotTaken::Forged)?;
    if (now - signed_at).abs() > TimeDelta::seconds(i64::from(within_seconds)) {
        return Err(NotTaken::Stale { within_seconds });
    }
    Ok(())
}
