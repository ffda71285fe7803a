//! Why work could not be done: typed, so that rules can act on it, with a message fit for the caller.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Until there may be room again.
const CROWDED_FOR: Duration = Duration::from_secs(5);

/// Who is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Origin {
    /// The outside system answered badly or not at all.
    Vendor,
    /// Where files go.
    Destination,
    /// What the caller configured cannot work.
    Configuration,
    /// Ours.
    Internal,
}

/// What went wrong, as far as rules need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The credentials are not accepted (any more).
    CredentialsRejected,
    /// The credentials are accepted but may not do this.
    PermissionDenied,
    /// Too many requests.
    RateLimited,
    /// No answer, or one that says "later".
    Unavailable,
    /// An answer that cannot be read as what was asked for.
    MalformedAnswer,
    /// The request was refused for what it asked.
    Refused,
    /// What was named does not exist there.
    NotFound,
    /// A setting cannot work.
    Misconfigured,
    /// More would be deleted than is allowed without being asked.
    DeletesRefused,
    /// More of the records could not be stored than is allowed.
    TooManyRecordErrors,
    /// A fault of our own.
    Internal,
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Who is at fault.
    pub origin: Origin,
    /// What went wrong.
    pub kind: FailureKind,
    /// Whether the same attempt may succeed later.
    pub retryable: bool,
    /// Fit for the caller: what happened and what to do. Holds no secret.
    pub message: String,
    /// How long the other side asked us to wait, where it said; or how long we think that we have to.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that may pass.
    pub fn passing(origin: Origin, kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            origin,
            kind,
            retryable: true,
            message: message.into(),
            retry_after: None,
        }
    }

    /// A failure that stays until somebody changes something.
    pub fn lasting(origin: Origin, kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            origin,
            kind,
            retryable: false,
            message: message.into(),
            retry_after: None,
        }
    }

    /// A fault of ours: the cause goes to the log, not to the caller.
    #[must_use]
    pub fn internal() -> Self {
        Self::passing(
            Origin::Internal,
            FailureKind::Internal,
            "An internal error interrupted the work; it is tried again.",
        )
    }

    /// There was no room for the work, because others took it up: it goes on in a moment.
    #[must_use]
    pub fn crowded(message: impl Into<String>) -> Self {
        Self::passing(Origin::Internal, FailureKind::Unavailable, message).after(Some(CROWDED_FOR))
    }

    /// The other side would be asked more often than it bears: the work goes on when it may be asked again.
    #[must_use]
    pub fn used_up(message: impl Into<String>, wait: Duration) -> Self {
        Self::passing(Origin::Internal, FailureKind::RateLimited, message).after(Some(wait))
    }

    /// Whether it is such a wait: the other side was not even asked, so it cannot go on for ever.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.origin == Origin::Internal && self.kind == FailureKind::RateLimited
    }

    /// Whether nothing went wrong, and the work only has to wait: for the other side, or for room on ours.
    #[must_use]
    pub fn is_only_a_wait(&self) -> bool {
        self.kind == FailureKind::RateLimited
            || (self.origin == Origin::Internal && self.kind == FailureKind::Unavailable)
    }

    /// The same, with the wait the other side asked for.
    #[must_use]
    pub fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}
