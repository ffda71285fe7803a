//! Faults, in the several shapes QuickBooks has for them.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::times::pacific;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QboFault {
    pub(super) status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: String,
    detail: String,
}

impl QboFault {
    fn new(
        status: u16,
        kind: &'static str,
        code: &'static str,
        message: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            kind,
            code,
            message: message.into(),
            detail: detail.into(),
        }
    }

    /// A query that reads well and asks for what is not allowed.
    pub(super) fn query(detail: impl Into<String>) -> Self {
        let detail = format!("QueryValidationError: {}", detail.into());
        Self::new(400, "ValidationFault", "4001", "Invalid query", detail)
    }

    /// A query that does not even parse.
    pub(super) fn query_syntax(detail: impl Into<String>) -> Self {
        let detail = format!("QueryParserError: {}", detail.into());
        Self::new(
            400,
            "ValidationFault",
            "4000",
            "Error parsing query",
            detail,
        )
    }

    /// A parameter that is missing or no good.
    pub(super) fn parameter(detail: impl Into<String>) -> Self {
        let message = "Request has invalid or unsupported property";
        Self::new(400, "ValidationFault", "2010", message, detail)
    }

    /// An id that leads nowhere. QuickBooks says so with 400.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(400, "ValidationFault", "610", "Object Not Found", detail)
    }

    /// A path or method there is none of.
    pub(super) fn no_such_operation(method: &str, path: &str) -> Self {
        let detail = format!("Unsupported Operation: Operation {method} {path} is not supported.");
        Self::new(
            400,
            "ValidationFault",
            "500",
            "Unsupported Operation",
            detail,
        )
    }

    /// A token that does not open the company.
    pub(super) fn unauthorized(why: &str) -> Self {
        let message = "message=AuthenticationFailed; errorCode=003200; statusCode=401";
        Self::new(401, "AUTHENTICATION", "3200", message, why)
    }

    /// A good token of another company.
    pub(super) fn other_company() -> Self {
        let message = "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403";
        Self::new(
            403,
            "AUTHENTICATION",
            "3100",
            message,
            "The token is not for this company",
        )
    }

    /// Too many requests: with 429, and from some of its servers with 403.
    pub(super) fn throttled(status: StatusCode) -> Self {
        let code = status.as_u16();
        let message = format!("message=ThrottleExceeded; errorCode=003001; statusCode={code}");
        let detail = "The request limit was reached.  Try again later";
        Self::new(code, "SERVICE", "3001", message, detail)
    }

    /// What QuickBooks has and the sandbox does not: a refusal nobody can take for QuickBooks'.
    pub(super) fn not_in_the_sandbox(what: &str) -> Self {
        let detail = format!("The sandbox does not know {what}, although QuickBooks does.");
        Self::new(501, "SystemFault", "10000", "Not in the sandbox", detail)
    }

    /// The refusal of a status that a fault asked for.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::unauthorized("Token expired"),
            403 | 429 => Self::throttled(status),
            code @ 500.. => {
                let message = "An application error has occurred while processing your request";
                Self::new(
                    code,
                    "SystemFault",
                    "10000",
                    message,
                    "System Failure Error",
                )
            }
            code => {
                let message = "Request has invalid or unsupported property";
                Self::new(code, "ValidationFault", "2010", message, status.to_string())
            }
        }
    }

    /// The body. The gateway that checks tokens writes it in lower case and pads it with fields that are never set.
    pub(super) fn body(&self, now_s: i64) -> Value {
        if self.kind == "AUTHENTICATION" {
            let error = json!({
                "message": self.message, "detail": self.detail, "code": self.code, "element": null
            });
            return json!({
                "warnings": null, "intuitObject": null,
                "fault": { "error": [error], "type": self.kind },
                "report": null, "queryResponse": null, "batchItemResponse": [],
                "attachableResponse": [], "syncErrorResponse": null, "requestId": null,
                "time": now_s * 1_000, "status": null, "cdcresponse": [],
            });
        }
        let error = json!({ "Message": self.message, "Detail": self.detail, "code": self.code });
        json!({ "Fault": { "Error": [error], "type": self.kind }, "time": pacific(now_s) })
    }
}
