//! Refusals, in the several shapes Xero has for them.

use hyper::StatusCode;
use serde_json::json;

use crate::sandbox::exchange::Answer;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum XeroError {
    /// 401: the token is not good, and why.
    Unauthorized(&'static str),
    /// 403: the token is good, but not for this tenant.
    Forbidden,
    /// 404, in plain text.
    NotFound,
    /// 400: a parameter that Xero cannot read.
    Query(String),
    /// 429: which limit, and for how long.
    Limited {
        problem: &'static str,
        retry_after_s: i64,
    },
    /// What Xero has and the sandbox does not: a refusal nobody can take for Xero's.
    NotInTheSandbox(String),
    /// Any other status that a fault asked for.
    Status(StatusCode),
}

impl XeroError {
    /// The refusal of a status that a fault asked for; the server adds `Retry-After` where the fault has one.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthorized("TokenExpired"),
            403 => Self::Forbidden,
            404 => Self::NotFound,
            _ => Self::Status(status),
        }
    }

    /// The whole answer.
    pub(super) fn into_answer(self) -> Answer {
        match self {
            Self::Unauthorized(detail) => problem(StatusCode::UNAUTHORIZED, "Unauthorized", detail),
            Self::Forbidden => problem(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "AuthenticationUnsuccessful",
            ),
            Self::NotFound => text(
                StatusCode::NOT_FOUND,
                "The resource you're looking for cannot be found",
            ),
            Self::Query(message) => {
                exception(StatusCode::BAD_REQUEST, 16, "QueryParseException", &message)
            }
            Self::Limited {
                problem,
                retry_after_s,
            } => text(StatusCode::TOO_MANY_REQUESTS, "")
                .header("x-rate-limit-problem", problem)
                .header("retry-after", &retry_after_s.to_string()),
            Self::NotInTheSandbox(what) => problem(
                StatusCode::NOT_IMPLEMENTED,
                "NotInTheSandbox",
                &format!("The sandbox does not know {what}, although Xero does."),
            ),
            Self::Status(StatusCode::TOO_MANY_REQUESTS) => {
                text(StatusCode::TOO_MANY_REQUESTS, "").header("x-rate-limit-problem", "minute")
            }
            Self::Status(StatusCode::BAD_REQUEST) => validation("The request is not valid."),
            Self::Status(StatusCode::SERVICE_UNAVAILABLE) => {
                text(StatusCode::SERVICE_UNAVAILABLE, "The API is not available")
            }
            Self::Status(status) => problem(
                status,
                status.canonical_reason().unwrap_or("Error"),
                "An error occurred in Xero.",
            ),
        }
    }
}

fn text(status: StatusCode, body: &str) -> Answer {
    Answer::typed(status, "text/plain; charset=utf-8", body.to_owned())
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Answer {
    let body = json!({
        "Type": null, "Title": title, "Status": status.as_u16(), "Detail": detail,
        "Instance": "5f9b1c6e-0000-4000-8000-000000000001", "Extensions": {},
    });
    Answer::json(status, body.to_string())
}

fn exception(status: StatusCode, number: u16, kind: &str, message: &str) -> Answer {
    let body = json!({ "ErrorNumber": number, "Type": kind, "Message": message });
    Answer::json(status, body.to_string())
}

fn validation(message: &str) -> Answer {
    let body = json!({
        "ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred",
        "Elements": [{ "ValidationErrors": [{ "Message": message }] }],
    });
    Answer::json(StatusCode::BAD_REQUEST, body.to_string())
}
