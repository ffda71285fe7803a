//! Signing what is sent to webhooks, as Standard Webhooks says (<https://www.standardwebhooks.com>, symmetric, `v1`).

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Bound, KeyRing, OpenError, Sealed};

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret that we make.
const BYTES: usize = 32;
/// What the specification asks of one that somebody brings.
const ALLOWED_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// How long one that was replaced goes on signing.
const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// Secrets that sign beside the newest; of more, the oldest no longer does.
const MOST_REPLACED: usize = 4;

/// A secret that signs: `whsec_` and base64 of 24 to 64 bytes. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct SigningSecret {
    text: SecretString,
    key: Key,
}

/// A text that is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is whsec_ and the base64 of 24 to 64 bytes")]
pub struct BadSecret;

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

impl SigningSecret {
    /// A new one.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    #[must_use]
    #[allow(
        clippy::expect_used,
        reason = "without randomness no secret can be made"
    )]
    pub fn generate() -> Self {
        let mut bytes = [0; BYTES];
        OsRng
            .try_fill_bytes(&mut bytes)
            .expect("the operating system gives random bytes");
        Self {
            text: format!("{PREFIX}{}", STANDARD.encode(bytes)).into(),
            key: Key::new(HMAC_SHA256, &bytes),
        }
    }

    /// One that somebody brings.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(BadSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| BadSecret)?;
        if !ALLOWED_BYTES.contains(&bytes.len()) {
            return Err(BadSecret);
        }
        Ok(Self {
            text: text.to_owned().into(),
            key: Key::new(HMAC_SHA256, &bytes),
        })
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }

    fn signature(&self, message: &[&[u8]]) -> String {
        let mut mac = Context::with_key(&self.key);
        for part in message {
            mac.update(part);
        }
        format!("v1,{}", STANDARD.encode(mac.sign()))
    }
}

/// A secret that was replaced, and until when it goes on signing.
#[derive(Debug, Clone)]
struct Replaced {
    secret: SigningSecret,
    until: DateTime<Utc>,
}

/// What is secret of a webhook. Its `Debug` shows no value.
#[derive(Clone)]
pub struct WebhookSecrets {
    secret: SigningSecret,
    replaced: Vec<Replaced>,
    /// Headers that are sent along, by their names.
    pub headers: BTreeMap<String, SecretString>,
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecrets")
            .field("replaced", &self.replaced)
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

/// As it is sealed.
#[derive(Serialize, Deserialize)]
struct Written {
    secret: String,
    replaced: Vec<(String, DateTime<Utc>)>,
    headers: BTreeMap<String, String>,
}

impl WebhookSecrets {
    /// A secret, and headers.
    #[must_use]
    pub fn new(secret: SigningSecret, headers: BTreeMap<String, SecretString>) -> Self {
        Self {
            secret,
            replaced: Vec::new(),
            headers,
        }
    }

    /// The secret that signs for good.
    #[must_use]
    pub fn current(&self) -> &SigningSecret {
        &self.secret
    }

    /// Puts another secret in its place; the one before goes on signing beside it for a day.
    pub fn replace(&mut self, secret: SigningSecret, now: DateTime<Utc>) {
        let before = std::mem::replace(&mut self.secret, secret);
        self.replaced.retain(|replaced| replaced.until > now);
        if self.replaced.len() == MOST_REPLACED {
            self.replaced.remove(0);
        }
        self.replaced.push(Replaced {
            secret: before,
            until: now + OVERLAP,
        });
    }

    /// What the header `webhook-signature` says of a message: a signature by each secret that signs at that time.
    #[must_use]
    pub fn sign(&self, id: &str, at: DateTime<Utc>, body: &str) -> String {
        let seconds = at.timestamp().to_string();
        let message = [
            id.as_bytes(),
            b".",
            seconds.as_bytes(),
            b".",
            body.as_bytes(),
        ];
        let mut signatures = self.secret.signature(&message);
        for replaced in &self.replaced {
            if replaced.until > at {
                signatures.push(' ');
                signatures.push_str(&replaced.secret.signature(&message));
            }
        }
        signatures
    }

    /// In an envelope.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn seal(&self, ring: &KeyRing, of: impl Bound) -> Result<Sealed, serde_json::Error> {
        let replaced = self.replaced.iter();
        let headers = self.headers.iter();
        let written = Written {
            secret: self.secret.reveal().to_owned(),
            replaced: replaced
                .map(|replaced| (replaced.secret.reveal().to_owned(), replaced.until))
                .collect(),
            headers: headers
                .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
                .collect(),
        };
        Ok(ring.seal(&serde_json::to_vec(&written)?, of))
    }

    /// Out of its envelope; `None` when that holds something else.
    ///
    /// # Errors
    /// When the envelope does not open.
    pub fn open(
        ring: &KeyRing,
        envelope: &[u8],
        by: &str,
        of: impl Bound,
    ) -> Result<Option<Self>, OpenError> {
        let plain = ring.open(envelope, by, of)?;
        let read = || {
            let written: Written = serde_json::from_slice(&plain).ok()?;
            let replaced = written.replaced.into_iter().map(|(text, until)| {
                let secret = SigningSecret::parse(&text).ok()?;
                Some(Replaced { secret, until })
            });
            Some(Self {
                secret: SigningSecret::parse(&written.secret).ok()?,
                replaced: replaced.collect::<Option<_>>()?,
                headers: written
                    .headers
                    .into_iter()
                    .map(|(name, value)| (name, value.into()))
                    .collect(),
            })
        };
        Ok(read())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specifications_example() {
        // The reference implementations' own test vector.
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secrets = WebhookSecrets::new(secret, BTreeMap::new());
        let at = DateTime::from_timestamp(1_614_265_330, 0).unwrap();
        assert_eq!(
            secrets.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                at,
                r#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_that_was_replaced_signs_beside_the_new_one_for_a_day() {
        let mut secrets = WebhookSecrets::new(SigningSecret::generate(), BTreeMap::new());
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let before = secrets.sign("evt_1", now, "{}");
        secrets.replace(SigningSecret::generate(), now);
        let both = secrets.sign("evt_1", now, "{}");
        assert_eq!(both.split(' ').count(), 2);
        assert!(both.ends_with(&before) && !both.starts_with(&before));
        let later = now + TimeDelta::hours(24);
        assert_eq!(secrets.sign("evt_1", later, "{}").split(' ').count(), 1);
    }

    #[test]
    fn what_is_no_secret_is_refused_and_debug_shows_none() {
        for bad in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_c2hvcnQ=",
            "whsec_*",
        ] {
            assert_eq!(SigningSecret::parse(bad).err(), Some(BadSecret), "{bad:?}");
        }
        let headers = BTreeMap::from([("X-Token".to_owned(), "hidden".into())]);
        let secrets = WebhookSecrets::new(SigningSecret::generate(), headers);
        let shown = format!("{secrets:?}");
        assert!(
            !shown.contains("hidden") && !shown.contains("whsec_"),
            "{shown}"
        );
    }
}
