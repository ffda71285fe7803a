//! `${NAME}` inside credentials: a secret the operator holds in the environment, looked up at use and stored nowhere.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// The secrets that credentials may refer to: those of the environment whose names begin with the allowed prefix.
#[derive(Clone)]
pub struct References {
    prefix: String,
    values: BTreeMap<String, SecretString>,
}

/// A reference that cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// Its name does not begin with the allowed prefix.
    #[error("{field}: ${{{name}}} is not allowed; a reference begins with {prefix}")]
    Forbidden {
        /// Where it stands.
        field: String,
        /// The name.
        name: String,
        /// The allowed prefix.
        prefix: String,
    },
    /// The environment holds no such value.
    #[error("{field}: ${{{name}}} is not set in the environment of this installation")]
    Unset {
        /// Where it stands.
        field: String,
        /// The name.
        name: String,
    },
}

impl References {
    /// Takes what may be referred to out of an environment.
    pub fn new(
        prefix: impl Into<String>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let prefix = prefix.into();
        let values = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(name, value)| (name, value.into()))
            .collect();
        Self { prefix, values }
    }

    /// The name inside `${…}`, when the whole text is a reference.
    #[must_use]
    pub fn name_in(text: &str) -> Option<&str> {
        text.strip_prefix("${")?.strip_suffix('}')
    }

    /// Replaces every reference among these credentials; one that cannot be resolved is left out and told, so that
    /// it matters only to whom that credential matters.
    #[must_use]
    pub fn resolve(
        &self,
        credentials: Map<String, Value>,
    ) -> (Map<String, Value>, Vec<Unresolved>) {
        let mut unresolved = Vec::new();
        let resolved = credentials
            .into_iter()
            .filter_map(|(field, value)| {
                let Some(name) = value.as_str().and_then(Self::name_in) else {
                    return Some((field, value));
                };
                match self.value(&field, name) {
                    Ok(found) => Some((field, found)),
                    Err(fault) => {
                        unresolved.push(fault);
                        None
                    }
                }
            })
            .collect();
        (resolved, unresolved)
    }

    /// The faults of references that could never be resolved here, whatever the environment holds later.
    #[must_use]
    pub fn forbidden(&self, credentials: &Map<String, Value>) -> Vec<Unresolved> {
        credentials
            .iter()
            .filter_map(|(field, value)| {
                let name = Self::name_in(value.as_str()?)?;
                (!name.starts_with(&self.prefix)).then(|| self.refuse(field, name))
            })
            .collect()
    }

    fn refuse(&self, field: &str, name: &str) -> Unresolved {
        Unresolved::Forbidden {
            field: field.to_owned(),
            name: name.to_owned(),
            prefix: self.prefix.clone(),
        }
    }

    fn value(&self, field: &str, name: &str) -> Result<Value, Unresolved> {
        if !name.starts_with(&self.prefix) {
            return Err(self.refuse(field, name));
        }
        let value = self.values.get(name);
        value
            .map(|secret| Value::from(secret.expose_secret()))
            .ok_or_else(|| Unresolved::Unset {
                field: field.to_owned(),
                name: name.to_owned(),
            })
    }
}

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("References")
            .field("prefix", &self.prefix)
            .field("names", &self.values.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn references() -> References {
        let environment = [
            ("IOF_CONNECTOR_API_KEY", "sk_1"),
            ("DATABASE_URL", "postgres://secret"),
        ];
        References::new(
            "IOF_CONNECTOR_",
            environment.map(|(n, v)| (n.to_owned(), v.to_owned())),
        )
    }

    #[test]
    fn a_reference_becomes_the_value_and_everything_else_stays() {
        let (resolved, unresolved) = references().resolve(map(
            &json!({"apiKey": "${IOF_CONNECTOR_API_KEY}", "other": "a${b}", "number": 1}),
        ));
        assert_eq!(unresolved, []);
        assert_eq!(
            Value::from(resolved),
            json!({"apiKey": "sk_1", "other": "a${b}", "number": 1})
        );
    }

    #[test]
    fn the_rest_of_the_environment_is_out_of_reach() {
        let credentials =
            map(&json!({"apiKey": "${DATABASE_URL}", "webhookSecret": "${IOF_CONNECTOR_NONE}"}));
        let (resolved, faults) = references().resolve(credentials.clone());
        assert!(resolved.is_empty());
        assert_eq!(faults.len(), 2);
        assert!(matches!(&faults[0], Unresolved::Forbidden { name, .. } if name == "DATABASE_URL"));
        assert!(
            matches!(&faults[1], Unresolved::Unset { name, .. } if name == "IOF_CONNECTOR_NONE")
        );
        assert_eq!(references().forbidden(&credentials).len(), 1);
        assert!(!format!("{:?}", references()).contains("sk_1"));
    }
}
