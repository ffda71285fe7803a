//! What a store's refusal means, and what to do about it.

use std::time::Duration;

use s3::error::S3Error;

use crate::domain::{Failure, FailureKind, Origin};

/// Waits between attempts: three in all.
const WAITS: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1_500)];

/// Asks again, a few times, what was refused for the moment or never arrived. What may have been done without our
/// hearing of it is not asked again: whether that is safe, only the whole export knows.
pub(super) async fn persist<T, F>(ask: impl FnMut() -> F) -> Result<T, S3Error>
where
    F: Future<Output = Result<T, S3Error>>,
{
    persist_with(&WAITS, ask).await
}

async fn persist_with<T, F>(waits: &[Duration], mut ask: impl FnMut() -> F) -> Result<T, S3Error>
where
    F: Future<Output = Result<T, S3Error>>,
{
    for wait in waits {
        match ask().await {
            Err(cause) if was_not_done(&cause) => {
                tracing::debug!(%cause, "asking the store again");
                let jitter = rand::random_range(0.5..1.5);
                tokio::time::sleep(wait.mul_f64(jitter)).await;
            }
            answer => return answer,
        }
    }
    ask().await
}

fn was_not_done(cause: &S3Error) -> bool {
    match cause {
        S3Error::HttpFailWithBody(status, _) => matches!(status, 429 | 500 | 502 | 503),
        S3Error::Reqwest(cause) => cause.is_connect(),
        _ => false,
    }
}

/// Whether the store says that it does not know a header we sent.
pub(super) fn is_not_implemented(cause: &S3Error) -> bool {
    matches!(cause, S3Error::HttpFailWithBody(501, _))
}

/// Whether the store refused because the object exists.
pub(super) fn is_taken(cause: &S3Error) -> bool {
    matches!(cause, S3Error::HttpFailWithBody(412, _))
}

/// Whether the store knows no such upload (any more).
pub(super) fn is_unknown_upload(cause: &S3Error) -> bool {
    matches!(cause, S3Error::HttpFailWithBody(404, body) if code(body) == "NoSuchUpload")
}

/// The failure to report.
pub(super) fn told(cause: &S3Error, bucket: &str) -> Failure {
    tracing::debug!(%cause, bucket, "the store refused");
    match cause {
        S3Error::HttpFailWithBody(status, body) => refused(*status, code(body), bucket),
        S3Error::Reqwest(cause) if cause.is_timeout() => silent(),
        S3Error::Reqwest(cause) => {
            let host = cause
                .url()
                .and_then(|url| url.host_str())
                .unwrap_or("the endpoint");
            unavailable(format!(
                "{host} cannot be reached. Check the destination's endpoint and region, and the network."
            ))
        }
        S3Error::SerdeXml(_) | S3Error::Utf8(_) | S3Error::FromUtf8(_) => Failure::passing(
            Origin::Destination,
            FailureKind::MalformedAnswer,
            "The store's answer cannot be read. Check that the endpoint speaks the S3 protocol.",
        ),
        _ => Failure::internal(),
    }
}

/// No answer in time.
pub(super) fn silent() -> Failure {
    unavailable("The store did not answer in time.".to_owned())
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
                 s3:AbortMultipartUpload to write, s3:GetObject to download."
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

/// The error code of an answer's XML, when it has one that looks like it.
fn code(body: &str) -> &str {
    let inside = body
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = inside.map_or("", |(code, _)| code);
    if code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        code
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> Failure {
        let body = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>secret</Message></Error>"
        );
        told(&S3Error::HttpFailWithBody(status, body), "exports")
    }

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
            (404, "NoSuchKey", FailureKind::NotFound, false, "file"),
            (
                400,
                "EntityTooLarge",
                FailureKind::Refused,
                false,
                "EntityTooLarge",
            ),
        ] {
            let failure = answer(status, code);
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
            assert!(
                !failure.message.contains("<Message>"),
                "{}",
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
            assert_eq!(
                told(&S3Error::HttpFailWithBody(status, String::new()), "b").kind,
                kind
            );
        }
    }

    #[test]
    fn a_code_that_is_none_is_not_repeated() {
        for body in ["<Code><script>", "<Code>a b</Code>", "", "<Code>"] {
            assert_eq!(code(body), "");
        }
    }

    #[tokio::test]
    async fn what_was_not_done_is_asked_three_times_and_nothing_else() {
        for (status, expected) in [(503, 3), (429, 3), (403, 1), (412, 1)] {
            let asked = std::cell::Cell::new(0);
            let answer = persist_with(&[Duration::ZERO; 2], || async {
                asked.set(asked.get() + 1);
                Err::<(), _>(S3Error::HttpFailWithBody(status, String::new()))
            });
            assert!(answer.await.is_err());
            assert_eq!(asked.get(), expected, "{status}");
        }
    }
}
