//! What answers mean that are not what was asked for.

use super::*;

#[tokio::test]
async fn an_answer_that_is_not_the_stores_never_means_that_an_object_is_gone_or_empty() {
    let page = || Reply::Whole(200, Vec::new(), b"<html>Please log in</html>".to_vec());
    let part = |etag| {
        Reply::Whole(206, Vec::new(), b"a".to_vec())
            .with("Content-Range", "bytes 0-0/1")
            .with("ETag", etag)
    };
    for (reply, expected) in [
        (Reply::status(404, "<html>No such page</html>"), "bare 404"),
        (page(), "which version"),
        (page().with("ETag", "\"2\""), "Changed"),
        (part("\"2\""), "Changed"),
        (Reply::status(416, ""), "Changed"),
    ] {
        let server = Canned::start(move |_| reply.clone()).await;
        for bucket in both(&server) {
            let not_read = bucket.read("a", 0..1, Some("\"1\"")).await.unwrap_err();
            let shown = format!("{not_read:?}");
            assert!(shown.contains(expected), "{expected}: {shown}");
        }
    }
}

#[tokio::test]
async fn of_a_store_that_knows_no_parts_the_part_is_taken() {
    let server =
        Canned::start(|_| Reply::Whole(200, Vec::new(), b"abcdef".to_vec()).with("ETag", "\"1\""))
            .await;
    for bucket in both(&server) {
        let piece = bucket.read("a", 2..4, Some("\"1\"")).await.unwrap();
        assert_eq!((&piece.bytes[..], piece.size), (&b"cd"[..], 6));
    }
}

#[tokio::test]
async fn what_a_refusal_means_is_told_by_its_code() {
    for (status, code, kind, retryable, says) in [
        (
            404,
            "NoSuchBucket",
            FailureKind::NotFound,
            false,
            "\"things\"",
        ),
        (
            404,
            "ContainerNotFound",
            FailureKind::NotFound,
            false,
            "\"things\"",
        ),
        (
            403,
            "AccessDenied",
            FailureKind::PermissionDenied,
            false,
            "to list",
        ),
        (
            403,
            "AuthorizationPermissionMismatch",
            FailureKind::PermissionDenied,
            false,
            "to read",
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
            "Enter new ones",
        ),
        (
            403,
            "AuthenticationFailed",
            FailureKind::CredentialsRejected,
            false,
            "SAS token",
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
            "region is eu-west-9",
        ),
        (
            400,
            "AuthorizationHeaderMalformed",
            FailureKind::Misconfigured,
            false,
            "region is eu-west-9",
        ),
        (503, "SlowDown", FailureKind::RateLimited, true, "fewer"),
        (503, "ServerBusy", FailureKind::RateLimited, true, "fewer"),
        (500, "InternalError", FailureKind::Unavailable, true, "now"),
        (
            400,
            "InvalidArgument",
            FailureKind::Refused,
            false,
            "InvalidArgument",
        ),
    ] {
        let server = Canned::start(move |_| {
            Reply::status(
                status,
                format!("<Error><Code>{code}</Code><Message>hidden</Message></Error>"),
            )
            .with("x-amz-bucket-region", "eu-west-9")
            .with("Retry-After", "7")
        })
        .await;
        for bucket in both(&server) {
            let listed = bucket.list("", None).await.err();
            let read = bucket.read("a", 0..1, None).await.err();
            // What may be about this object alone.
            let is_of_one = matches!(kind, FailureKind::PermissionDenied | FailureKind::Refused);
            for refused in [listed, read.filter(|_| !is_of_one)] {
                if refused.is_none() && is_of_one {
                    continue;
                }
                let Some(NotRead::Refused(failure)) = refused else {
                    panic!("{code}: {refused:?}");
                };
                assert_eq!(
                    (failure.kind, failure.retryable),
                    (kind, retryable),
                    "{code}"
                );
                assert!(failure.message.contains(says), "{code}: {failure}");
                assert!(!failure.message.contains("hidden"), "{failure}");
                assert_eq!(failure.retry_after.is_some(), retryable, "{code}");
            }
        }
        assert_eq!(server.asked().len(), 4, "{code}: each was asked once");
    }
}

#[tokio::test]
async fn what_is_about_one_object_is_told_from_what_is_about_all() {
    for (status, code, expected) in [
        (404, "NoSuchKey", "Gone"),
        (404, "BlobNotFound", "Gone"),
        (412, "PreconditionFailed", "Changed"),
        (412, "ConditionNotMet", "Changed"),
        (403, "InvalidObjectState", "archived-object"),
        (409, "BlobArchived", "archived-object"),
        (400, "KeyTooLongError", "unusable-key"),
        (403, "AccessDenied", "forbidden-object"),
        (403, "AuthorizationPermissionMismatch", "forbidden-object"),
        (400, "KMS.DisabledException", "KMS.DisabledException"),
        (400, "InvalidRequest", "refused-object"),
        // All of the account.
        (403, "AllAccessDisabled", "Refused"),
        // Whoever this is.
        (403, "", "Refused"),
    ] {
        let server = Canned::start(move |_| {
            Reply::status(status, format!("<Error><Code>{code}</Code></Error>"))
        })
        .await;
        for bucket in both(&server) {
            let not_read = bucket.read("a", 0..1, None).await.unwrap_err();
            assert!(
                format!("{not_read:?}").contains(expected),
                "{code}: {not_read:?}"
            );
        }
    }
    let server = Canned::start(|_| Reply::status(416, "")).await;
    for bucket in both(&server) {
        assert_eq!(bucket.read("empty", 0..1, None).await.unwrap().size, 0);
    }
}
