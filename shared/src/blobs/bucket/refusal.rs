//! What a store's refusal to be read means, and what to do about it.

use super::NotRead;
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::Answer;

/// A store, as messages name it.
pub(super) struct Store<'a> {
    pub name: &'static str,
    /// What it calls a bucket.
    pub place: &'static str,
    /// The bucket's name.
    pub placed: &'a str,
    pub list_right: &'static str,
    pub read_right: &'static str,
}

/// Why an answer is not what was asked for.
pub(super) fn of(answer: &Answer, store: &Store<'_>) -> NotRead {
    let code = code(answer);
    match (code.as_str(), answer.status) {
        (_, 412) => NotRead::Changed,
        ("NoSuchKey" | "BlobNotFound", _) => NotRead::Gone,
        (
            "NoSuchBucket" | "ContainerNotFound" | "ContainerBeingDeleted" | "ResourceNotFound",
            _,
        ) => NotRead::Refused(missing(store)),
        ("InvalidObjectState" | "BlobArchived" | "BlobBeingRehydrated", _) => NotRead::Unreadable {
            code: "archived-object",
            message: format!(
                "it is archived at {} ({code}); restore it there",
                store.name
            ),
        },
        ("KeyTooLongError" | "InvalidURI" | "OutOfRangeInput" | "InvalidUri", _) => {
            NotRead::Unreadable {
                code: "unusable-key",
                message: format!("{} does not take its name ({code})", store.name),
            }
        }
        // Every store says what there is not. Whoever else answered knows nothing of the object: it is not gone.
        ("", 404) => malformed(store, "request", "is a bare 404"),
        (code, status) => {
            let mut failure = failure(code, status, store);
            if let (true, Some(region)) = (
                is_elsewhere(code, status),
                answer.header("x-amz-bucket-region"),
            ) {
                failure
                    .message
                    .push_str(&format!(" Its region is {region}."));
            }
            let wait = answer.retry_after().filter(|_| failure.retryable);
            NotRead::Refused(failure.after(wait))
        }
    }
}

/// Why an answer is not the object that was asked for. The listing was had with the same credentials: what is forbidden of
/// one object may be so because of its key, or of what it is packed with, and says nothing of the others.
pub(super) fn of_object(answer: &Answer, store: &Store<'_>) -> NotRead {
    let not_read = of(answer, store);
    let code = code(answer);
    let of_one = match &not_read {
        NotRead::Refused(failure) if !code.is_empty() => match (answer.status, failure.kind) {
            (403, FailureKind::PermissionDenied) if !is_disabled(&code) => "forbidden-object",
            (400, FailureKind::Refused) => "refused-object",
            _ => return not_read,
        },
        _ => return not_read,
    };
    let Store {
        name, read_right, ..
    } = store;
    NotRead::Unreadable {
        code: of_one,
        message: format!(
            "is not handed out by {name} ({code}); the credentials need {read_right} for it, and the right to use the key that it is encrypted with, if it is"
        ),
    }
}

/// An answer of success that is none.
pub(super) fn malformed(store: &Store<'_>, what: &str, wrong: &str) -> NotRead {
    let message = format!("{}'s answer for the {what} {wrong}.", store.name);
    NotRead::Refused(Failure::passing(
        Origin::Vendor,
        FailureKind::MalformedAnswer,
        message,
    ))
}

fn missing(store: &Store<'_>) -> Failure {
    let Store { place, placed, .. } = store;
    let message = format!(
        "There is no {place} {placed:?} at {}. Create it, or correct the connection's credentials.",
        store.name
    );
    Failure::lasting(Origin::Vendor, FailureKind::NotFound, message)
}

fn is_elsewhere(code: &str, status: u16) -> bool {
    matches!(
        code,
        "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException"
    ) || matches!(status, 301 | 302 | 307 | 308)
}

fn is_disabled(code: &str) -> bool {
    matches!(
        code,
        "AccountIsDisabled" | "AllAccessDisabled" | "AccountProblem"
    )
}

fn failure(code: &str, status: u16, store: &Store<'_>) -> Failure {
    let Store {
        name,
        place,
        placed,
        ..
    } = store;
    let lasting = |kind, message: String| Failure::lasting(Origin::Vendor, kind, message);
    let passing = |kind, message: String| Failure::passing(Origin::Vendor, kind, message);
    let coded = if code.is_empty() {
        format!("status {status}")
    } else {
        code.to_owned()
    };
    match (code, status) {
        _ if is_elsewhere(code, status) => lasting(
            FailureKind::Misconfigured,
            format!(
                "The {place} {placed:?} is in another region or at another endpoint ({coded}). Correct the connection's credentials."
            ),
        ),
        ("SignatureDoesNotMatch", _) => lasting(
            FailureKind::CredentialsRejected,
            format!(
                "The secret access key does not belong to the access key id ({code}). Enter both again."
            ),
        ),
        ("InvalidAccessKeyId", _) => lasting(
            FailureKind::CredentialsRejected,
            format!(
                "{name} does not know the access key id ({code}). It may have been deleted; enter another."
            ),
        ),
        ("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired", _) => lasting(
            FailureKind::CredentialsRejected,
            format!("The temporary credentials are no longer accepted ({code}). Enter new ones."),
        ),
        ("RequestTimeTooSkewed" | "RequestExpired", _) => Failure::passing(
            Origin::Internal,
            FailureKind::Misconfigured,
            format!(
                "The worker's clock differs too much from the store's ({code}). Let NTP set the worker's clock."
            ),
        ),
        (
            "AuthenticationFailed" | "InvalidAuthenticationInfo" | "NoAuthenticationInformation",
            _,
        )
        | (_, 401) => lasting(
            FailureKind::CredentialsRejected,
            format!(
                "{name} does not accept the account's key or the SAS token ({coded}). It may have expired or been renewed; enter another."
            ),
        ),
        (code, _) if is_disabled(code) => lasting(
            FailureKind::PermissionDenied,
            format!("{name} has disabled the account ({code})."),
        ),
        (
            "SlowDown" | "ServerBusy" | "TooManyRequests" | "RequestLimitExceeded" | "Throttling",
            _,
        )
        | (_, 429) => passing(
            FailureKind::RateLimited,
            format!("{name} asks for fewer requests ({coded}); the sync goes on later."),
        ),
        (_, 403) => lasting(
            FailureKind::PermissionDenied,
            format!(
                "The credentials may not do this in {place} {placed:?} ({coded}). They need {} to list and {} to read.",
                store.list_right, store.read_right
            ),
        ),
        (_, 408 | 425 | 500..) => passing(
            FailureKind::Unavailable,
            format!("{name} could not do it now ({coded})."),
        ),
        _ => lasting(
            FailureKind::Refused,
            format!("{name} refused the request ({coded})."),
        ),
    }
}

/// The store's code: Azure's is in a header, S3's in the XML. What does not look like one is not repeated.
pub(in crate::blobs) fn code(answer: &Answer) -> String {
    let body = std::str::from_utf8(&answer.body).unwrap_or_default();
    let inside = body
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = answer
        .header("x-ms-error-code")
        .or_else(|| inside.map(|(code, _)| code))
        .unwrap_or_default();
    // Those of encryption have a point: KMS.DisabledException.
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    let is_code = code.len() <= 64 && code.bytes().all(is_code);
    if is_code {
        code.to_owned()
    } else {
        String::new()
    }
}
