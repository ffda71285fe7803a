//! Tink's refusals.

use hyper::StatusCode;
use serde_json::json;

use crate::sandbox::exchange::Answer;
use crate::sandbox::kit::oauth::Refusal;

/// A refusal: a code for programs and words for developers.
#[derive(Debug)]
pub(super) struct TinkError {
    pub(super) status: StatusCode,
    code: String,
    message: String,
}

impl TinkError {
    fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request.invalid_argument", message)
    }

    pub(super) fn unauthenticated() -> Self {
        Self::of_status(StatusCode::UNAUTHORIZED)
    }

    pub(super) fn not_permitted(scope: &str) -> Self {
        let message = format!("The access token lacks the scope '{scope}'.");
        Self::new(StatusCode::FORBIDDEN, "oauth.missing_scope", message)
    }

    pub(super) fn unknown(what: &str) -> Self {
        let message = format!("There is no such {what}.");
        Self::new(StatusCode::NOT_FOUND, "request.not_found", message)
    }

    pub(super) fn user_exists() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "user.user_with_external_user_id_already_exists",
            "The requested external user id already exists.",
        )
    }

    pub(super) fn rate_limited() -> Self {
        Self::of_status(StatusCode::TOO_MANY_REQUESTS)
    }

    /// A token server's refusal in Tink's shape.
    pub(super) fn of_oauth(refusal: &Refusal) -> Self {
        let code = format!("oauth.{}", refusal.error);
        Self::new(refusal.status, code, refusal.description)
    }

    /// What Tink may have and the sandbox does not: a refusal nobody can take for Tink's.
    pub(super) fn not_in_the_sandbox(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "sandbox.unknown",
            format!("The sandbox does not know '{what}', whether or not Tink does."),
        )
    }

    /// The refusal that goes with a status.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::UNAUTHORIZED => (
                "oauth.unauthorized",
                "The access token is missing, expired or not known.",
            ),
            StatusCode::FORBIDDEN => ("oauth.forbidden", "This is not permitted."),
            StatusCode::TOO_MANY_REQUESTS => ("request.rate_limited", "Too many requests."),
            status if status.is_server_error() => {
                ("server.internal_error", "Something went wrong on our side.")
            }
            _ => ("request.refused", "The request was refused."),
        };
        Self::new(status, code, message)
    }

    /// The whole answer.
    pub(super) fn into_answer(self) -> Answer {
        let body = json!({ "errorMessage": self.message, "errorCode": self.code });
        Answer::json(self.status, body.to_string())
    }
}
