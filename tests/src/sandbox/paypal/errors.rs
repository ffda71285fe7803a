//! PayPal's refusals.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::sandbox::exchange::Answer;

/// A refusal in the shape of the REST API.
#[derive(Debug)]
pub(super) struct PayPalError {
    pub(super) status: StatusCode,
    name: &'static str,
    message: String,
    details: Vec<Value>,
    /// Fields beside the usual ones.
    more: Map<String, Value>,
}

const MALFORMED: &str = "Request is not well-formed, syntactically incorrect, or violates schema.";

impl PayPalError {
    fn new(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            name,
            message: message.into(),
            details: Vec::new(),
            more: Map::new(),
        }
    }

    /// A query parameter that is wrong.
    pub(super) fn parameter(field: &str, value: &str, issue: &str, description: &str) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", MALFORMED);
        error.details.push(json!({
            "field": field, "value": value, "location": "query", "issue": issue, "description": description,
        }));
        error
    }

    /// A parameter of the transaction search that is wrong: the search words it differently, the issue is a sentence.
    pub(super) fn search(field: &str, value: &str, issue: &str) -> Self {
        let mut error = Self::new(
            StatusCode::BAD_REQUEST,
            "INVALID_REQUEST",
            "Invalid request - see details.",
        );
        error.details.push(json!({
            "field": field, "value": value, "location": "query", "issue": issue,
        }));
        error
    }

    /// A search that begins after the newest data there is.
    pub(super) fn not_there_yet() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "INVALID_REQUEST",
            "Data for the given start date is not available.",
        )
    }

    /// A search that found too much; no page of it can be read.
    pub(super) fn too_many_results(found: usize, cap: usize) -> Self {
        let mut error = Self::new(
            StatusCode::BAD_REQUEST,
            "RESULTSET_TOO_LARGE",
            "Result set size is greater than the maximum limit. Change the filter criteria and try again.",
        );
        error.more.insert("total_items".to_owned(), found.into());
        error.more.insert("maximum_items".to_owned(), cap.into());
        error
    }

    /// A body that is no JSON or has a field of the wrong kind.
    pub(super) fn body(field: &str, issue: &str) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", MALFORMED);
        error
            .details
            .push(json!({ "field": field, "location": "body", "issue": issue }));
        error
    }

    /// No bearer token.
    pub(super) fn unauthenticated() -> Self {
        Self::of_status(StatusCode::UNAUTHORIZED)
    }

    /// A token without the scope: the app lacks a feature.
    pub(super) fn not_permitted() -> Self {
        let mut error = Self::of_status(StatusCode::FORBIDDEN);
        error.details.push(json!({
            "issue": "PERMISSION_DENIED",
            "description": "You do not have permission to access or perform operations on this resource.",
        }));
        error
    }

    /// A record that does not exist.
    pub(super) fn unknown_record(id: &str) -> Self {
        let mut error = Self::of_status(StatusCode::NOT_FOUND);
        error.details.push(json!({
            "value": id, "location": "path", "issue": "INVALID_RESOURCE_ID",
            "description": "Requested resource ID was not found.",
        }));
        error
    }

    /// Too many requests. PayPal does not say when to come back.
    pub(super) fn rate_limited() -> Self {
        Self::of_status(StatusCode::TOO_MANY_REQUESTS)
    }

    /// What PayPal may have and the sandbox does not: a refusal nobody can take for PayPal's.
    pub(super) fn not_in_the_sandbox(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "NOT_IN_THE_SANDBOX",
            format!("The sandbox does not know '{what}', whether or not PayPal does."),
        )
    }

    /// The refusal that goes with a status.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (name, message) = match status {
            StatusCode::BAD_REQUEST => ("INVALID_REQUEST", MALFORMED),
            StatusCode::UNAUTHORIZED => (
                "AUTHENTICATION_FAILURE",
                "Authentication failed due to missing authorization header, or invalid authentication credentials.",
            ),
            StatusCode::FORBIDDEN => (
                "NOT_AUTHORIZED",
                "Authorization failed due to insufficient permissions.",
            ),
            StatusCode::NOT_FOUND => (
                "RESOURCE_NOT_FOUND",
                "The specified resource does not exist.",
            ),
            StatusCode::UNPROCESSABLE_ENTITY => (
                "UNPROCESSABLE_ENTITY",
                "The requested action could not be performed, semantically incorrect, or failed business validation.",
            ),
            StatusCode::TOO_MANY_REQUESTS => (
                "RATE_LIMIT_REACHED",
                "Too many requests. Blocked due to rate limiting.",
            ),
            StatusCode::SERVICE_UNAVAILABLE => ("SERVICE_UNAVAILABLE", "Service Unavailable."),
            status if status.is_server_error() => (
                "INTERNAL_SERVER_ERROR",
                "An internal server error occurred.",
            ),
            _ => ("INVALID_REQUEST", "The request was refused."),
        };
        Self::new(status, name, message)
    }

    /// The whole answer.
    pub(super) fn into_answer(self, debug_id: &str) -> Answer {
        let mut body = json!({
            "name": self.name, "message": self.message, "debug_id": debug_id, "links": [],
        });
        if !self.details.is_empty() {
            body["details"] = self.details.into();
        }
        for (key, value) in self.more {
            body[key] = value;
        }
        Answer::json(self.status, body.to_string())
    }
}
