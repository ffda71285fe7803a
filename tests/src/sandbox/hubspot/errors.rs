//! Refusals.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::exchange::Answer;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HubError {
    status: u16,
    category: &'static str,
    message: String,
    errors: Value,
    /// The limit that was met.
    policy: Option<&'static str>,
}

impl HubError {
    pub(super) fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            category,
            message: message.into(),
            errors: Value::Null,
            policy: None,
        }
    }

    /// A request that makes no sense.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    /// A token that was never given, or taken back.
    pub(super) fn unknown_token() -> Self {
        let message = "Authentication credentials not found or not valid.";
        Self::new(401, "INVALID_AUTHENTICATION", message)
    }

    /// A token that was good once.
    pub(super) fn expired_token() -> Self {
        Self::new(
            401,
            "EXPIRED_AUTHENTICATION",
            "The OAuth token used to make this call expired.",
        )
    }

    /// A token that may not do this.
    pub(super) fn scope(scope: &str) -> Self {
        let message = "This app hasn't been granted all required scopes to make this call.";
        let context = json!({ "requiredGranularScopes": [scope] });
        Self {
            errors: json!([{ "message": "One or more of the following scopes are required.", "context": context }]),
            ..Self::new(403, "MISSING_SCOPES", message)
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    /// Too many requests for this limit.
    pub(super) fn limited(policy: &'static str) -> Self {
        let message = format!("You have reached your {} limit.", policy.to_lowercase());
        Self {
            policy: Some(policy),
            ..Self::new(429, "RATE_LIMITS", message)
        }
    }

    /// What HubSpot has and the sandbox does not: a refusal nobody can take for HubSpot's.
    pub(super) fn not_in_the_sandbox(what: impl std::fmt::Display) -> Self {
        let message = format!("The sandbox does not know {what}, although HubSpot does.");
        Self::new(501, "NOT_IN_THE_SANDBOX", message)
    }

    /// The refusal of a status that a fault asked for.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::expired_token(),
            403 => Self::scope("crm.objects.contacts.read"),
            404 => Self::not_found(),
            429 => Self::limited("TEN_SECONDLY_ROLLING"),
            code @ 500.. => Self::new(code, "INTERNAL_ERROR", "internal error"),
            code => Self::new(code, "VALIDATION_ERROR", status.to_string()),
        }
    }

    pub(super) fn into_answer(self, correlation_id: &str) -> Answer {
        let mut body = json!({
            "status": "error", "message": self.message, "correlationId": correlation_id, "category": self.category,
        });
        if let Some(policy) = self.policy {
            body["errorType"] = "RATE_LIMIT".into();
            body["policyName"] = policy.into();
        }
        if !self.errors.is_null() {
            body["errors"] = self.errors;
        }
        if self.category == "MISSING_SCOPES" {
            body["links"] = json!({ "scopes": "https://developers.hubspot.com/scopes" });
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer::typed(status, "application/json;charset=utf-8", body.to_string())
    }
}
