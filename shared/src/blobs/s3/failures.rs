//! What a store's refusal means, and what to do about it.

use url::Url;

use crate::blobs::bucket::refusal::code;
use crate::blobs::unwritten::{self, Unwritten};
use crate::domain::{Failure, FailureKind, Origin};

/// Whether the store says that it does not know a header we sent.
pub(super) fn is_not_implemented(cause: &Unwritten) -> bool {
    cause.has_status(501)
}

/// Whether the store refused because the object exists.
pub(super) fn is_taken(cause: &Unwritten) -> bool {
    cause.has_status(412)
}

/// Whether the bucket demands a digest of another kind, as those do whose Object Lock has a default retention: in Amazon's
/// words, `Content-MD5 OR x-amz-checksum- HTTP header is required for Put Part requests with Object Lock parameters`.
pub(super) fn wants_md5(cause: &Unwritten) -> bool {
    let is_named = |body: &[u8]| body.windows(11).any(|word| word == b"Content-MD5");
    cause.refusal().is_some_and(|answer| {
        answer.status == 400 && code(answer) == "InvalidRequest" && is_named(&answer.body)
    })
}

/// Whether the store knows no such upload (any more).
pub(super) fn is_unknown_upload(cause: &Unwritten) -> bool {
    cause
        .refusal()
        .is_some_and(|answer| answer.status == 404 && code(answer) == "NoSuchUpload")
}

/// The failure to report. `base` is the bucket's URL.
pub(super) fn told(cause: &Unwritten, bucket: &str, base: &str) -> Failure {
    match cause {
        Unwritten::Unanswered(cause) => unwritten::unanswered(cause, &unreachable(base)),
        Unwritten::Refused { answer, .. } => {
            let code = code(answer);
            tracing::debug!(bucket, code, status = answer.status, "the store refused");
            let failure = refused(answer.status, &code, bucket);
            let wait = answer.retry_after().filter(|_| failure.retryable);
            failure.after(wait)
        }
        Unwritten::Malformed => Failure::passing(
            Origin::Destination,
            FailureKind::MalformedAnswer,
            "The store's answer cannot be read. Check that the endpoint speaks the S3 protocol.",
        ),
        Unwritten::Unsigned | Unwritten::Interrupted => Failure::internal(),
    }
}

/// What to check where no answer comes.
pub(super) fn unreachable(base: &str) -> String {
    let url = Url::parse(base).ok();
    let host = url.as_ref().and_then(Url::host_str);
    format!(
        "{} cannot be reached. Check the destination's endpoint and region, and the network.",
        host.unwrap_or("the endpoint")
    )
}

fn unavailable(message: String) -> Failure {
    Failure::passing(Origin::Destination, FailureKind::Unavailable, message)
}

fn refused(status: u16, code: &str, bucket: &str) -> Failure {
    let lasting = |kind, message: String| Failure::lasting(Origin::Destination, kind, message);
    match (code, status) {
        ("NoSuchBucket", _) => lasting(
            FailureKind::NotFound,
            format!("There is no bucket {bucket:?}. Create it, or correct the destination's bucket and region."),
        ),
        ("SignatureDoesNotMatch", _) => lasting(
            FailureKind::CredentialsRejected,
            "The secret access key does not belong to the access key id (SignatureDoesNotMatch). Enter both again."
                .to_owned(),
        ),
        ("InvalidAccessKeyId", _) => lasting(
            FailureKind::CredentialsRejected,
            "The store does not know the access key id (InvalidAccessKeyId). It may have been deleted; enter another."
                .to_owned(),
        ),
        ("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired", _) => lasting(
            FailureKind::CredentialsRejected,
            format!("The temporary credentials are no longer accepted ({code}). Enter new ones."),
        ),
        ("RequestTimeTooSkewed" | "RequestExpired", _) => Failure::passing(
            Origin::Internal,
            FailureKind::Misconfigured,
            format!("The worker's clock differs too much from the store's ({code}). Let NTP set the worker's clock."),
        ),
        ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _)
        | (_, 301 | 307) => lasting(
            FailureKind::Misconfigured,
            format!("Bucket {bucket:?} is in another region. Correct the destination's region or endpoint."),
        ),
        ("SlowDown", _) | (_, 429) => Failure::passing(
            Origin::Destination,
            FailureKind::RateLimited,
            "The store asks for fewer requests; the export is tried again later.",
        ),
        (code, 400) if unwritten::did_not_arrive(code) => {
            unavailable(format!("The file did not arrive as it was sent ({code})."))
        }
        ("NoSuchUpload", _) => unavailable(
            "The unfinished upload was removed at the store; the export starts again.".to_owned(),
        ),
        ("NoSuchKey", _) => lasting(
            FailureKind::NotFound,
            format!("The file is no longer in bucket {bucket:?}."),
        ),
        ("AccessDenied" | "AllAccessDisabled" | "AccountProblem", _) | (_, 403) => lasting(
            FailureKind::PermissionDenied,
            format!(
                "The access key may not do this in bucket {bucket:?}. It needs s3:PutObject and \
                 s3:AbortMultipartUpload to write, s3:GetObject to download; where the bucket encrypts by a KMS key, \
                 kms:GenerateDataKey and kms:Decrypt, too."
            ),
        ),
        ("", 404) => lasting(
            FailureKind::NotFound,
            format!("Bucket {bucket:?} or the file in it does not exist."),
        ),
        (_, 408 | 409 | 500..) => unavailable(format!("The store could not do it now (status {status}).")),
        _ => lasting(
            FailureKind::Refused,
            format!("The store refused the request (status {status}{}{code}).", if code.is_empty() { "" } else { ", " }),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_tells_what_to_fix() {
        for (status, code, kind, retryable, says) in [
            (
                404,
                "NoSuchBucket",
                FailureKind::NotFound,
                false,
                "\"exports\"",
            ),
            (
                403,
                "AccessDenied",
                FailureKind::PermissionDenied,
                false,
                "s3:PutObject",
            ),
            (
                403,
                "SignatureDoesNotMatch",
                FailureKind::CredentialsRejected,
                false,
                "secret access key",
            ),
            (
                403,
                "InvalidAccessKeyId",
                FailureKind::CredentialsRejected,
                false,
                "access key id",
            ),
            (
                400,
                "ExpiredToken",
                FailureKind::CredentialsRejected,
                false,
                "new ones",
            ),
            (
                403,
                "RequestTimeTooSkewed",
                FailureKind::Misconfigured,
                true,
                "clock",
            ),
            (
                301,
                "PermanentRedirect",
                FailureKind::Misconfigured,
                false,
                "region",
            ),
            (
                400,
                "AuthorizationHeaderMalformed",
                FailureKind::Misconfigured,
                false,
                "region",
            ),
            (503, "SlowDown", FailureKind::RateLimited, true, "fewer"),
            (500, "InternalError", FailureKind::Unavailable, true, "500"),
            (
                409,
                "ConditionalRequestConflict",
                FailureKind::Unavailable,
                true,
                "409",
            ),
            (404, "NoSuchUpload", FailureKind::Unavailable, true, "again"),
            (
                400,
                "RequestTimeout",
                FailureKind::Unavailable,
                true,
                "did not arrive",
            ),
            (404, "NoSuchKey", FailureKind::NotFound, false, "file"),
            (
                400,
                "EntityTooLarge",
                FailureKind::Refused,
                false,
                "EntityTooLarge",
            ),
        ] {
            let failure = refused(status, code, "exports");
            assert_eq!(
                (failure.kind, failure.retryable),
                (kind, retryable),
                "{code}"
            );
            assert!(
                failure.message.contains(says),
                "{code}: {}",
                failure.message
            );
        }
    }

    #[test]
    fn an_answer_without_a_body_is_read_by_its_status() {
        for (status, kind) in [
            (403, FailureKind::PermissionDenied),
            (404, FailureKind::NotFound),
            (429, FailureKind::RateLimited),
            (503, FailureKind::Unavailable),
            (400, FailureKind::Refused),
        ] {
            assert_eq!(refused(status, "", "b").kind, kind);
        }
    }
}
