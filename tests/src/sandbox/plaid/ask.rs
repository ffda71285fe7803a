//! The JSON body of a request, which holds everything: credentials, tokens, parameters.

use serde_json::{Map, Value};

use super::errors::PlaidError;
use super::{CLIENT_ID, SECRET};
use crate::sandbox::exchange::Request;

/// A body's fields.
pub(super) struct Ask(Map<String, Value>);

impl Ask {
    /// Reads a body; an empty one has no fields.
    pub(super) fn read(request: &Request) -> Result<Self, PlaidError> {
        if request.body.is_empty() {
            return Ok(Self(Map::new()));
        }
        serde_json::from_slice(&request.body)
            .map(Self)
            .map_err(|_| PlaidError::invalid_body())
    }

    /// The client's id and secret, from headers or body.
    pub(super) fn client<'a>(&'a self, request: &'a Request) -> (Option<&'a str>, Option<&'a str>) {
        (
            request
                .header("plaid-client-id")
                .or_else(|| self.0.get("client_id")?.as_str()),
            request
                .header("plaid-secret")
                .or_else(|| self.0.get("secret")?.as_str()),
        )
    }

    /// Lets only the known client pass.
    pub(super) fn authenticate(&self, request: &Request) -> Result<(), PlaidError> {
        match self.client(request) {
            (Some(CLIENT_ID), Some(SECRET)) => Ok(()),
            (None, None) => Err(PlaidError::missing("client_id, secret")),
            (None, _) => Err(PlaidError::missing("client_id")),
            (_, None) => Err(PlaidError::missing("secret")),
            _ => Err(PlaidError::invalid_input(
                "INVALID_API_KEYS",
                "invalid client_id or secret provided",
            )),
        }
    }

    /// Refuses fields that are not among these, as Plaid does.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), PlaidError> {
        let unknown: Vec<&str> = self
            .0
            .keys()
            .map(String::as_str)
            .filter(|key| !known.contains(key) && !["client_id", "secret"].contains(key))
            .collect();
        match unknown.is_empty() {
            true => Ok(()),
            false => Err(PlaidError::unknown(&unknown.join(", "))),
        }
    }

    /// The same inside `options`; of those, refuses what Plaid has and the sandbox does not.
    pub(super) fn options(&self, known: &[&str]) -> Result<Self, PlaidError> {
        let Some(options) = self.0.get("options").filter(|options| !options.is_null()) else {
            return Ok(Self(Map::new()));
        };
        let Some(options) = options.as_object() else {
            return Err(PlaidError::invalid("options must be an object"));
        };
        match options.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(PlaidError::not_in_the_sandbox(&format!("options.{key}"))),
            None => Ok(Self(options.clone())),
        }
    }

    /// A text that must be there.
    pub(super) fn text(&self, field: &str) -> Result<&str, PlaidError> {
        self.optional(field)?
            .ok_or_else(|| PlaidError::missing(field))
    }

    /// A text that may be there.
    pub(super) fn optional(&self, field: &str) -> Result<Option<&str>, PlaidError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(PlaidError::invalid(format!("{field} must be a string"))),
        }
    }

    /// A whole number within a range.
    pub(super) fn number(
        &self,
        field: &str,
        default: Option<usize>,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, PlaidError> {
        match self.0.get(field).filter(|value| !value.is_null()) {
            None => default.ok_or_else(|| PlaidError::missing(field)),
            Some(value) => value
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| range.contains(number))
                .ok_or_else(|| {
                    let (least, most) = (range.start(), range.end());
                    PlaidError::invalid(format!(
                        "{field} must be an integer from {least} to {most}"
                    ))
                }),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, field: &str) -> Result<Option<Vec<&str>>, PlaidError> {
        let wrong = || PlaidError::invalid(format!("{field} must be an array of strings"));
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) => values
                .iter()
                .map(|value| value.as_str().ok_or_else(wrong))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(wrong()),
        }
    }
}
