//! What a refusal of Azure's means, and what to do about it.

use chrono::TimeDelta;

use crate::blobs::bucket::{NotRead, refusal};
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::{Answer, HttpError};

/// By how much the time of a request may be wrong, a minute less.
const MAX_SKEW: TimeDelta = TimeDelta::minutes(14);

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwritten {
    #[error("no answer came")]
    Unanswered(#[from] HttpError),
    #[error("the store refused with status {}", .0.status)]
    Refused(Box<Answer>),
    #[error("the request cannot be signed")]
    Unsigned,
    #[error("the request was interrupted")]
    Interrupted,
}

impl Unwritten {
    /// Whether it may be asked again: it never arrived, or was refused for the moment. An answer that was lost on the way
    /// counts too: a block may be sent twice, and of a whole blob the second request finds the first.
    pub(super) fn was_not_done(&self) -> bool {
        match self {
            Self::Unanswered(cause) => {
                matches!(cause, HttpError::Connect(_) | HttpError::Reset(_))
            }
            Self::Refused(answer) => matches!(answer.status, 429 | 500 | 502 | 503),
            Self::Unsigned | Self::Interrupted => false,
        }
    }

    /// Whether the store refused because something has the name.
    pub(super) fn is_taken(&self) -> bool {
        let Self::Refused(answer) = self else {
            return false;
        };
        let code = refusal::code(answer);
        // The third comes to those who may create and not overwrite; the last where it is no block blob.
        answer.status == 412
            || matches!(
                code.as_str(),
                "BlobAlreadyExists" | "UnauthorizedBlobOverwrite" | "InvalidBlobType"
            )
    }
}

/// The failure to report.
pub(super) fn told(cause: &Unwritten, container: &str) -> Failure {
    match cause {
        Unwritten::Unanswered(cause) => unanswered(cause),
        Unwritten::Refused(answer) => {
            let code = refusal::code(answer);
            tracing::debug!(container, code, status = answer.status, "the store refused");
            let skew = answer
                .date()
                .map_or(TimeDelta::zero(), |date| (answer.received_at - date).abs());
            let failure = refused(answer.status, &code, skew, container);
            let wait = answer.retry_after().filter(|_| failure.retryable);
            failure.after(wait)
        }
        Unwritten::Unsigned | Unwritten::Interrupted => Failure::internal(),
    }
}

fn unanswered(cause: &HttpError) -> Failure {
    tracing::debug!(%cause, "the store did not answer");
    match cause {
        HttpError::Forbidden => lasting(
            FailureKind::Misconfigured,
            "The store's endpoint is in a private network, which is not reached. Correct it, or let the operator name it."
                .to_owned(),
        ),
        HttpError::Timeout(_) => unavailable("The store did not answer in time.".to_owned()),
        HttpError::Crowded => {
            Failure::crowded("Other large answers take up the memory; it is tried again in a moment.")
        }
        HttpError::Connect(_) | HttpError::Reset(_) | HttpError::Body(_) => unavailable(
            "The store cannot be reached. Check the storage account's name, the endpoint and the network."
                .to_owned(),
        ),
        HttpError::Url(_) | HttpError::TooLarge { .. } | HttpError::Setup(_) => Failure::internal(),
    }
}

fn refused(status: u16, code: &str, skew: TimeDelta, container: &str) -> Failure {
    let coded = if code.is_empty() {
        format!("status {status}")
    } else {
        code.to_owned()
    };
    match (code, status) {
        ("ContainerNotFound" | "ResourceNotFound", _) => lasting(
            FailureKind::NotFound,
            format!(
                "There is no container {container:?}. Create it, or correct the destination's container."
            ),
        ),
        ("ContainerBeingDeleted" | "ContainerDisabled", _) => lasting(
            FailureKind::NotFound,
            format!("Container {container:?} is being deleted ({code}). Choose another."),
        ),
        ("AuthenticationFailed" | "AuthorizationFailure", _) if skew >= MAX_SKEW => {
            Failure::passing(
                Origin::Internal,
                FailureKind::Misconfigured,
                format!(
                    "The worker's clock differs too much from the store's ({code}). Let NTP set the worker's clock."
                ),
            )
        }
        (
            "AuthenticationFailed" | "InvalidAuthenticationInfo" | "NoAuthenticationInformation",
            _,
        )
        | (_, 401) => lasting(
            FailureKind::CredentialsRejected,
            format!(
                "The account's key or the SAS token is not accepted ({coded}). It may have expired or been renewed; enter another."
            ),
        ),
        ("AccountIsDisabled", _) => lasting(
            FailureKind::PermissionDenied,
            format!("The storage account is disabled ({code})."),
        ),
        ("BlobImmutableDueToPolicy" | "LeaseIdMissing", _) => lasting(
            FailureKind::Refused,
            format!(
                "The file that is there is protected ({code}). Remove the protection, or choose another path."
            ),
        ),
        (_, 403) => lasting(
            FailureKind::PermissionDenied,
            format!(
                "The credentials may not write in container {container:?} ({coded}). A SAS token needs the rights to create \
                 and write (cw) and to read (r) for downloads; the account's firewall must let the rail in."
            ),
        ),
        ("ServerBusy" | "TooManyRequests", _) | (_, 429) => Failure::passing(
            Origin::Destination,
            FailureKind::RateLimited,
            format!(
                "The store asks for fewer requests ({coded}); the export is tried again later."
            ),
        ),
        ("InvalidBlockList", _) => unavailable(
            "The blocks of the unfinished file are gone at the store; the export starts again."
                .to_owned(),
        ),
        (_, 408 | 500..) => unavailable(format!("The store could not do it now ({coded}).")),
        _ => lasting(
            FailureKind::Refused,
            format!("The store refused the request ({coded})."),
        ),
    }
}

/// Why a file was not read back.
pub(super) fn not_read(cause: NotRead, container: &str) -> Failure {
    match cause {
        NotRead::Unanswered(cause) => unanswered(&cause),
        NotRead::Refused(failure) => Failure {
            origin: match failure.origin {
                Origin::Vendor => Origin::Destination,
                other => other,
            },
            ..failure
        },
        NotRead::Gone => lasting(
            FailureKind::NotFound,
            format!("The file is no longer in container {container:?}."),
        ),
        NotRead::Changed => unavailable("The file was changed meanwhile.".to_owned()),
        NotRead::Unreadable { message, .. } => lasting(
            FailureKind::Refused,
            format!("The file cannot be read: {message}."),
        ),
    }
}

/// The store wrote what it should not have.
pub(super) fn without_conditions(probe: &str) -> Failure {
    lasting(
        FailureKind::Refused,
        format!(
            "The store does not know conditional requests, so it would overwrite files. Choose another; {probe} can be removed."
        ),
    )
}

pub(super) fn too_large() -> Failure {
    lasting(
        FailureKind::Refused,
        "The file is larger than 400 GB. Narrow the export's filter.".to_owned(),
    )
}

fn lasting(kind: FailureKind, message: String) -> Failure {
    Failure::lasting(Origin::Destination, kind, message)
}

fn unavailable(message: String) -> Failure {
    Failure::passing(Origin::Destination, FailureKind::Unavailable, message)
}
