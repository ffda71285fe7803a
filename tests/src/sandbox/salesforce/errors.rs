//! Refusals: always an array, of one.

use hyper::StatusCode;
use serde_json::json;

use crate::sandbox::exchange::Answer;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SfError {
    status: u16,
    pub(super) code: &'static str,
    message: String,
}

impl SfError {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// A query that does not parse.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "MALFORMED_QUERY", message)
    }

    /// A word of a query that nobody expected there.
    pub(super) fn token(word: &str) -> Self {
        Self::malformed(format!("unexpected token: '{word}'"))
    }

    /// A field there is none of, or that cannot be used so.
    pub(super) fn field(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_FIELD", message)
    }

    /// An object there is none of, or none for this user.
    pub(super) fn object(name: &str) -> Self {
        let message = format!("sObject type '{name}' is not supported.");
        Self::new(400, "INVALID_TYPE", message)
    }

    /// A cursor that is over.
    pub(super) fn locator() -> Self {
        Self::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    }

    /// A token that is none, or no longer.
    pub(super) fn session() -> Self {
        Self::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    /// More requests than a day has; when that ends is not said.
    pub(super) fn limit() -> Self {
        Self::new(
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
        )
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(super) fn deleted() -> Self {
        Self::new(404, "ENTITY_IS_DELETED", "entity is deleted")
    }

    pub(super) fn method(method: &str, allowed: &str) -> Self {
        let message = format!("HTTP Method '{method}' not allowed. Allowed are {allowed}");
        Self::new(405, "METHOD_NOT_ALLOWED", message)
    }

    /// What Salesforce has and the sandbox does not: a refusal nobody can take for Salesforce's.
    pub(super) fn not_in_the_sandbox(what: impl std::fmt::Display) -> Self {
        let message = format!("The sandbox does not know {what}, although Salesforce does.");
        Self::new(501, "NOT_IN_THE_SANDBOX", message)
    }

    /// The refusal of a status that a fault asked for.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::session(),
            code @ (403 | 429) => Self {
                status: code,
                ..Self::limit()
            },
            404 => Self::not_found(),
            code @ 503.. => Self::new(code, "SERVER_UNAVAILABLE", "The server is unavailable"),
            code @ 500.. => Self::new(code, "UNKNOWN_EXCEPTION", "An unexpected error occurred."),
            code => Self::new(code, "INVALID_INPUT", status.to_string()),
        }
    }

    pub(super) fn into_answer(self) -> Answer {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!([{ "message": self.message, "errorCode": self.code }]);
        Answer::typed(status, "application/json;charset=UTF-8", body.to_string())
    }
}
