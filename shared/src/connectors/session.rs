//! A connection's credentials and settings, opened, in memory.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// Texts shorter than this are not blotted out of messages: they would tear holes into ordinary words.
const SHORTEST_BLOTTED: usize = 4;

/// Opened credentials with the connection's settings. Its `Debug` prints nothing of either.
pub struct Session {
    credentials: BTreeMap<String, SecretString>,
    config: Map<String, Value>,
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
        }
    }

    /// A credential by its name.
    pub(super) fn credential(&self, name: &str) -> Option<&SecretString> {
        self.credentials.get(name)
    }

    /// A credential or a setting by its name, as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        if let Some(secret) = self.credentials.get(name) {
            return Some(secret.expose_secret().to_owned());
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

    /// The text with every credential blotted out.
    pub(super) fn blot(&self, text: &str) -> String {
        let mut secrets: Vec<&str> = self
            .credentials
            .values()
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
            session().blot("key sk_test_hidden and 12345 are bad"),
            "key [redacted] and [redacted] are bad"
        );
    }
}
