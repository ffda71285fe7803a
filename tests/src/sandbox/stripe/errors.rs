//! Stripe's error answers.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::exchange::Answer;

/// A refusal in Stripe's words: the fields of its `error` object beside the status.
#[derive(Debug)]
pub(super) struct StripeError {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
}

impl StripeError {
    fn invalid(
        status: StatusCode,
        code: Option<&'static str>,
        param: Option<&str>,
        message: String,
    ) -> Self {
        Self {
            status,
            kind: "invalid_request_error",
            code,
            param: param.map(str::to_owned),
            message,
        }
    }

    /// A parameter whose value is out of bounds.
    pub(super) fn bad_value(param: &str, message: String) -> Self {
        Self::invalid(StatusCode::BAD_REQUEST, None, Some(param), message)
    }

    /// A parameter that must be a whole number and is not.
    pub(super) fn not_an_integer(param: &str, value: &str) -> Self {
        let message = format!("Invalid integer: {value}");
        Self::invalid(
            StatusCode::BAD_REQUEST,
            Some("parameter_invalid_integer"),
            Some(param),
            message,
        )
    }

    /// A parameter this endpoint does not have.
    pub(super) fn unknown_parameter(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param}");
        Self::invalid(
            StatusCode::BAD_REQUEST,
            Some("parameter_unknown"),
            Some(param),
            message,
        )
    }

    /// An id that leads nowhere, in the path (404) or in a parameter (400).
    pub(super) fn missing(object: &str, id: &str, param: &str) -> Self {
        let status = if param == "id" {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::BAD_REQUEST
        };
        let message = format!("No such {}: '{id}'", object.replace('_', " "));
        Self::invalid(status, Some("resource_missing"), Some(param), message)
    }

    /// A path or method Stripe does not have.
    pub(super) fn no_such_url(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path})");
        Self::invalid(StatusCode::NOT_FOUND, None, None, message)
    }

    /// A version header that is not a version.
    pub(super) fn bad_version(version: &str) -> Self {
        Self::invalid(
            StatusCode::BAD_REQUEST,
            None,
            None,
            format!("Invalid Stripe API version: {version}"),
        )
    }

    /// No key, or a key the account does not have. The key is shown as Stripe shows it: its end only.
    pub(super) fn unauthenticated(key: Option<&str>) -> Self {
        let message = match key {
            Some(key) => format!("Invalid API Key provided: {}", masked(key)),
            None => "No API key was sent: put it into the Authorization header as a Bearer token."
                .to_owned(),
        };
        Self::invalid(StatusCode::UNAUTHORIZED, None, None, message)
    }

    /// A restricted key that may not do this.
    pub(super) fn not_permitted(key: &str, account: &str, permission: &str) -> Self {
        let message = format!(
            "The key '{}' lacks a permission for this endpoint on account '{account}': it needs '{permission}'.",
            masked(key)
        );
        Self::invalid(StatusCode::FORBIDDEN, None, None, message)
    }

    /// What Stripe has and the sandbox does not: a refusal nobody can take for Stripe's, so that no test passes on a
    /// parameter that was silently ignored.
    pub(super) fn not_in_the_sandbox(what: &str) -> Self {
        Self {
            status: StatusCode::NOT_IMPLEMENTED,
            kind: "api_error",
            code: None,
            param: Some(what.to_owned()),
            message: format!("The sandbox does not know '{what}', although Stripe does."),
        }
    }

    /// The body of an answer with this status that a fault asked for.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (kind, code, message) = match status {
            StatusCode::TOO_MANY_REQUESTS => (
                "invalid_request_error",
                Some("rate_limit"),
                "Request rate limit exceeded.".to_owned(),
            ),
            StatusCode::CONFLICT => (
                "invalid_request_error",
                Some("lock_timeout"),
                "Another request holds this object.".to_owned(),
            ),
            status if status.is_server_error() => (
                "api_error",
                None,
                "Something went wrong on our end.".to_owned(),
            ),
            status => (
                "invalid_request_error",
                None,
                format!("The request was refused with {status}."),
            ),
        };
        Self {
            status,
            kind,
            code,
            param: None,
            message,
        }
    }

    /// The whole answer.
    pub(super) fn into_answer(self) -> Answer {
        let mut error = json!({ "message": self.message, "type": self.kind });
        if let Some(code) = self.code {
            error["code"] = code.into();
            error["doc_url"] = format!(
                "https://stripe.com/docs/error-codes/{}",
                code.replace('_', "-")
            )
            .into();
        }
        if let Some(param) = self.param {
            error["param"] = Value::from(param);
        }
        Answer::json(self.status, json!({ "error": error }).to_string())
    }
}

/// A key with its middle hidden.
fn masked(key: &str) -> String {
    let shown = if key.starts_with("sk_") || key.starts_with("rk_") {
        key.len().min(8)
    } else {
        0
    };
    let end = key
        .char_indices()
        .rev()
        .nth(3)
        .map_or(0, |(at, _)| at)
        .max(shown);
    let start = key.get(..shown).unwrap_or_default();
    format!(
        "{start}{}{}",
        "*".repeat(end.saturating_sub(shown)),
        key.get(end..).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_by_its_ends_only() {
        assert_eq!(masked("sk_test_abcdefgh"), "sk_test_****efgh");
        assert_eq!(masked("ab"), "ab");
        assert_eq!(masked(""), "");
        assert_eq!(masked("geheimnisß"), "******nisß");
    }
}
