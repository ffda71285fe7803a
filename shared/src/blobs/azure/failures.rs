//! What a refusal of Azure's means, and what to do about it.

use chrono::TimeDelta;

use crate::blobs::bucket::{NotRead, refusal};
use crate::blobs::unwritten::{self, Unwritten};
use crate::domain::{Failure, FailureKind, Origin};

/// By how much the time of a request may be wrong, a minute less.
const MAX_SKEW: TimeDelta = TimeDelta::minutes(14);

/// What to check where no answer comes.
const UNREACHABLE: &str =
    "The store cannot be reached. Check the storage account's name, the endpoint and the network.";

/// Whether the store refused because something has the name.
pub(super) fn is_taken(cause: &Unwritten) -> bool {
    // The third comes to those who may create and not overwrite; the last where it is no block blob.
    let codes = [
        "BlobAlreadyExists",
        "UnauthorizedBlobOverwrite",
        "InvalidBlobType",
    ];
    let code = cause.refusal().map(refusal::code);
    cause.has_status(412) || code.is_some_and(|code| codes.contains(&code.as_str()))
}

/// The failure to report.
pub(super) fn told(cause: &Unwritten, container: &str) -> Failure {
    match cause {
        Unwritten::Unanswered(cause) => unwritten::unanswered(cause, UNREACHABLE),
        Unwritten::Refused { answer, .. } => {
            let code = refusal::code(answer);
            tracing::debug!(container, code, status = answer.status, "the store refused");
            let skew = answer
                .date()
                .map_or(TimeDelta::zero(), |date| (answer.received_at - date).abs());
            let failure = refused(answer.status, &code, skew, container);
            let wait = answer.retry_after().filter(|_| failure.retryable);
            failure.after(wait)
        }
        Unwritten::Malformed | Unwritten::Unsigned | Unwritten::Interrupted => Failure::internal(),
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
    unwritten::not_read(cause, &format!("container {container:?}"), UNREACHABLE)
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
