//! A connection's credentials and settings, opened, in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::oauth::Held;
use crate::domain::{Grant, MemoryVault, Vault, VaultError};

/// Texts shorter than this are not blotted out of messages: they would tear holes into ordinary words.
const SHORTEST_BLOTTED: usize = 4;

/// Opened credentials with the connection's settings. Its `Debug` prints nothing of either.
pub struct Session {
    credentials: BTreeMap<String, SecretString>,
    config: Map<String, Value>,
    /// Where its grant is kept.
    pub(super) vault: Arc<dyn Vault>,
    pub(super) held: Held,
}

impl Session {
    /// From credentials in which every reference is already resolved, and the vendor's own settings.
    #[must_use]
    pub fn new(credentials: Map<String, Value>, config: Map<String, Value>) -> Self {
        let credentials = credentials
            .into_iter()
            .filter_map(|(name, value)| match value {
                Value::Null => None,
                Value::String(text) => Some((name, text.into())),
                other => Some((name, other.to_string().into())),
            })
            .collect();
        Self {
            credentials,
            config,
            vault: Arc::new(MemoryVault::default()),
            held: Held::default(),
        }
    }

    /// The same, whose grant is kept there.
    #[must_use]
    pub fn with_vault(mut self, vault: Arc<dyn Vault>) -> Self {
        self.vault = vault;
        self
    }

    /// Has the grant at hand as it is kept, for the facts that came with it; its tokens may have ended.
    pub(super) async fn recall(&self) -> Result<(), VaultError> {
        if let Some(grant) = self.vault.read().await?.grant {
            self.held.hold(grant);
        }
        Ok(())
    }

    /// The token that requests carry now.
    pub(super) fn token(&self) -> Option<SecretString> {
        self.held.token()
    }

    /// The tokens that the caller brought.
    pub(super) fn brought(&self) -> Grant {
        Grant {
            access_token: self.credential("accessToken").cloned(),
            refresh_token: self.credential("refreshToken").cloned(),
            ..Grant::default()
        }
    }

    /// A credential by its name.
    pub(super) fn credential(&self, name: &str) -> Option<&SecretString> {
        self.credentials.get(name)
    }

    /// A credential, a fact that came with the grant, or a setting, by its name, as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        if let Some(secret) = self.credentials.get(name) {
            return Some(secret.expose_secret().to_owned());
        }
        if let Some(fact) = self.held.fact(name) {
            return Some(fact);
        }
        match self.config.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// A setting by its name.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.config.get(name)
    }

    /// The text with every credential blotted out, and these besides.
    pub(super) fn blot(&self, text: &str, besides: &[SecretString]) -> String {
        let held = self.held.secrets();
        let mut secrets: Vec<&str> = self
            .credentials
            .values()
            .chain(&held)
            .chain(besides)
            .map(ExposeSecret::expose_secret)
            .filter(|secret| secret.len() >= SHORTEST_BLOTTED)
            .collect();
        // Where one is part of another, the longer goes first, or its rest would stay.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.into_iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret, "[redacted]")
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn session() -> Session {
        let Value::Object(credentials) =
            json!({ "apiKey": "sk_test_hidden", "pin": 12345, "a": "b" })
        else {
            unreachable!()
        };
        let Value::Object(config) = json!({ "account": "acct_private" }) else {
            unreachable!()
        };
        Session::new(credentials, config)
    }

    #[test]
    fn debug_prints_nothing_of_a_session() {
        assert_eq!(format!("{:?}", session()), "Session { .. }");
    }

    #[test]
    fn credentials_are_blotted_out_of_messages() {
        assert_eq!(
            session().blot(
                "key sk_test_hidden, 12345 and a code are bad",
                &["code".into()]
            ),
            "key [redacted], [redacted] and a [redacted] are bad"
        );
    }
}
