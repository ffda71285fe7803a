//! Refusals.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::exchange::Answer;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CaError {
    code: u16,
    message: String,
    errors: Value,
}

impl CaError {
    pub(super) fn new(code: u16, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            errors: Value::Null,
        }
    }

    /// A parameter that is no good.
    pub(super) fn parameter(name: &str, why: &str) -> Self {
        Self {
            errors: json!({ name: why }),
            ..Self::new(400, "The request is not valid")
        }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "The API key is missing or not valid")
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "Not found")
    }

    pub(super) fn limited() -> Self {
        Self::new(429, "Too many requests")
    }

    /// What ComplyAdvantage has and the sandbox does not: a refusal nobody can take for ComplyAdvantage's.
    pub(super) fn not_in_the_sandbox(what: impl std::fmt::Display) -> Self {
        let message = format!("The sandbox does not know {what}, although ComplyAdvantage does.");
        Self::new(501, message)
    }

    /// The refusal of a status that a fault asked for.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::unauthorized(),
            404 => Self::not_found(),
            429 => Self::limited(),
            code => Self::new(code, status.to_string()),
        }
    }

    pub(super) fn into_answer(self) -> Answer {
        let mut body = json!({ "code": self.code, "status": "failure", "message": self.message });
        if !self.errors.is_null() {
            body["errors"] = self.errors;
        }
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer::json(status, body.to_string())
    }
}
