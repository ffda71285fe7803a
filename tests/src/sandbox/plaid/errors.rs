//! Plaid's refusals.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::exchange::Answer;

/// A refusal: a type, a code within it, and words for developers and perhaps for people.
#[derive(Debug, Clone)]
pub(super) struct PlaidError {
    pub(super) status: StatusCode,
    kind: &'static str,
    pub(super) code: &'static str,
    message: String,
    display: Option<&'static str>,
}

impl PlaidError {
    fn new(kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind,
            code,
            message: message.into(),
            display: None,
        }
    }

    fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn invalid_body() -> Self {
        Self::new(
            "INVALID_REQUEST",
            "INVALID_BODY",
            "body could not be parsed as JSON",
        )
    }

    pub(super) fn missing(fields: &str) -> Self {
        let message = format!("the following required fields are missing: {fields}");
        Self::new("INVALID_REQUEST", "MISSING_FIELDS", message)
    }

    pub(super) fn unknown(fields: &str) -> Self {
        let message = format!("the following fields are not recognized by this endpoint: {fields}");
        Self::new("INVALID_REQUEST", "UNKNOWN_FIELDS", message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("INVALID_REQUEST", "INVALID_FIELD", message)
    }

    pub(super) fn invalid_input(code: &'static str, message: &str) -> Self {
        Self::new("INVALID_INPUT", code, message)
    }

    pub(super) fn login_required() -> Self {
        Self {
            display: Some("The login details of this account have changed. Please log in again."),
            ..Self::new(
                "ITEM_ERROR",
                "ITEM_LOGIN_REQUIRED",
                "the login details of this item have changed (credentials, MFA, or required user action) and a user login is required to update this information. use Link's update mode to restore the item to a good state",
            )
        }
    }

    pub(super) fn not_ready() -> Self {
        Self::new(
            "ITEM_ERROR",
            "PRODUCT_NOT_READY",
            "the requested product is not yet ready. please provide a webhook or try the request again later",
        )
    }

    pub(super) fn mutated() -> Self {
        Self::new(
            "TRANSACTIONS_ERROR",
            "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION",
            "Underlying transaction data changed since last page was fetched. Please restart pagination from last update.",
        )
    }

    pub(super) fn rate_limited(path: &str) -> Self {
        let code = match path {
            "/accounts/get" => "ACCOUNTS_LIMIT",
            "/accounts/balance/get" => "BALANCE_LIMIT",
            "/identity/get" => "IDENTITY_LIMIT",
            "/item/get" => "ITEM_GET_LIMIT",
            "/transactions/get" => "TRANSACTIONS_LIMIT",
            "/transactions/sync" => "TRANSACTIONS_SYNC_LIMIT",
            "/institutions/get" => "INSTITUTIONS_GET_LIMIT",
            "/institutions/get_by_id" => "INSTITUTIONS_GET_BY_ID_LIMIT",
            _ => "RATE_LIMIT",
        };
        let message =
            format!("rate limit exceeded for attempts to access {path}. please try again later");
        Self::new("RATE_LIMIT_EXCEEDED", code, message).with_status(StatusCode::TOO_MANY_REQUESTS)
    }

    pub(super) fn webhook_is_not_set() -> Self {
        Self::new(
            "SANDBOX_ERROR",
            "SANDBOX_WEBHOOK_INVALID",
            "webhook for the item is not set up",
        )
    }

    /// What Plaid may have and the sandbox does not: a refusal nobody can take for Plaid's.
    pub(super) fn not_in_the_sandbox(what: &str) -> Self {
        let message = format!("The sandbox does not know '{what}', whether or not Plaid does.");
        Self::new("API_ERROR", "NOT_IN_THE_SANDBOX", message)
            .with_status(StatusCode::NOT_IMPLEMENTED)
    }

    /// The refusal that goes with a status.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let error = match status {
            StatusCode::TOO_MANY_REQUESTS => return Self::rate_limited("this endpoint"),
            // Plaid says with 400 that a token is no good.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Self::invalid_input(
                    "INVALID_ACCESS_TOKEN",
                    "could not find matching access token",
                );
            }
            StatusCode::SERVICE_UNAVAILABLE => Self::new(
                "API_ERROR",
                "PLANNED_MAINTENANCE",
                "the Plaid API is temporarily unavailable due to planned maintenance. visit https://status.plaid.com/ for more information",
            ),
            status if status.is_server_error() => Self::new(
                "API_ERROR",
                "INTERNAL_SERVER_ERROR",
                "an unexpected error occurred",
            ),
            _ => Self::invalid("the request was refused"),
        };
        error.with_status(status)
    }

    /// The body, also as it stands inside an item.
    pub(super) fn to_json(&self, request_id: &str) -> Value {
        json!({
            "error_type": self.kind,
            "error_code": self.code,
            "error_message": self.message,
            "display_message": self.display,
            "documentation_url": format!("https://plaid.com/docs/errors/#{}", self.code.to_lowercase()),
            "suggested_action": null,
            "causes": [],
            "status": self.status.as_u16(),
            "request_id": request_id,
        })
    }

    /// The whole answer.
    pub(super) fn into_answer(self, request_id: &str) -> Answer {
        Answer::json(self.status, self.to_json(request_id).to_string())
    }
}
