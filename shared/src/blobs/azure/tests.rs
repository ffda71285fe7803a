#![allow(clippy::unwrap_used, clippy::expect_used)]

use bytes::Bytes;
use tokio::io::AsyncReadExt;

use super::*;
use crate::blobs::{AzureKey, Destination, Place};
use crate::domain::{FailureKind, Origin};
use crate::http::canned::{Canned, Reply};
use crate::http::{Guard, Limits};

const MIB: usize = 1 << 20;

fn settings(endpoint: &str) -> AzureSettings {
    AzureSettings {
        account: "railaccount".to_owned(),
        container: "exports".to_owned(),
        key: AzureKey::Account("dmVyeS1zZWNyZXQ=".to_owned().into()),
        endpoint: Some(endpoint.parse().unwrap()),
    }
}

fn destination(server: &Canned) -> Destination {
    let place = AzurePlace::new(settings(&server.url), "/contracts/", server.http()).unwrap();
    let store = place.store.waiting(Waits::NONE);
    Place::Azure(Box::new(AzurePlace { store, ..place })).into()
}

async fn write(place: &Destination, content: &[u8]) -> Result<u64, Failure> {
    let mut upload = place.begin("a b.csv").await?;
    for chunk in content.chunks(700_001) {
        upload.write(Bytes::copy_from_slice(chunk)).await?;
    }
    upload.finish().await.map(|written| written.bytes)
}

#[tokio::test]
async fn a_small_file_is_one_request_and_a_large_one_blocks_that_are_put_together() {
    let server = Canned::start(|_| Reply::status(201, "")).await;
    let place = destination(&server);
    write(&place, b"").await.unwrap();
    write(&place, &vec![1; 8 * MIB]).await.unwrap();
    write(&place, &vec![2; 16 * MIB + 1]).await.unwrap();

    let asked = server.asked();
    let bytes: Vec<usize> = asked.iter().map(|asked| asked.body.len()).collect();
    assert_eq!(bytes[..5], [0, 8 * MIB, 8 * MIB, 8 * MIB, 1]);
    assert!(
        asked
            .iter()
            .all(|asked| asked.path() == "/railaccount/exports/contracts/a%20b.csv")
    );
    assert_eq!(asked[0].header("content-length"), Some("0"));
    for asked in [&asked[0], &asked[1]] {
        assert_eq!(asked.header("x-ms-blob-type"), Some("BlockBlob"));
    }
    let ids: Vec<String> = asked[2..5]
        .iter()
        .flat_map(|asked| asked.query("blockid"))
        .collect();
    let list = String::from_utf8(asked[5].body.clone()).unwrap();
    let listed: Vec<&str> = list
        .split("Latest>")
        .filter(|part| part.ends_with("</"))
        .collect();
    assert_eq!(ids.len(), 3);
    for (id, listed) in ids.iter().zip(listed) {
        assert_eq!(listed, format!("{id}</"));
        assert_eq!(id.len(), ids[0].len(), "Azure wants ids of one length");
    }
    // What makes a file visible, and nothing else, is on a condition.
    let conditions: Vec<_> = asked
        .iter()
        .map(|asked| asked.header("if-none-match"))
        .collect();
    let only = Some("*");
    assert_eq!(conditions, [only, only, None, None, None, only]);
    for asked in [&asked[0], &asked[1], &asked[5]] {
        assert_eq!(
            asked.header("x-ms-blob-content-type"),
            Some("text/csv; charset=utf-8")
        );
    }
}

#[tokio::test]
async fn where_files_may_be_replaced_there_is_no_condition() {
    let server = Canned::start(|_| Reply::status(201, "")).await;
    let place = destination(&server).with_existing(Existing::Replace);
    write(&place, b"x").await.unwrap();
    write(&place, &vec![2; 9 * MIB]).await.unwrap();
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.header("if-none-match").is_none())
    );
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_by_whichever_code() {
    for (status, code) in [
        (409, "BlobAlreadyExists"),
        (412, "ConditionNotMet"),
        (403, "UnauthorizedBlobOverwrite"),
        (409, "InvalidBlobType"),
    ] {
        let server =
            Canned::start(move |_| Reply::status(status, "").with("x-ms-error-code", code)).await;
        let refused = write(&destination(&server), b"x").await.unwrap_err();
        assert_eq!(
            (refused.kind, refused.retryable),
            (FailureKind::Refused, false),
            "{code}"
        );
        assert!(
            refused.message.contains("/contracts/a%20b.csv"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn every_refusal_tells_what_to_fix() {
    for (status, code, kind, retryable, says) in [
        (
            404,
            "ContainerNotFound",
            FailureKind::NotFound,
            false,
            "\"exports\"",
        ),
        (
            409,
            "ContainerBeingDeleted",
            FailureKind::NotFound,
            false,
            "\"exports\"",
        ),
        (
            403,
            "AuthenticationFailed",
            FailureKind::CredentialsRejected,
            false,
            "expired",
        ),
        (
            403,
            "AuthorizationFailure",
            FailureKind::PermissionDenied,
            false,
            "cw",
        ),
        (
            403,
            "AuthorizationPermissionMismatch",
            FailureKind::PermissionDenied,
            false,
            "cw",
        ),
        (
            403,
            "AccountIsDisabled",
            FailureKind::PermissionDenied,
            false,
            "disabled",
        ),
        (
            409,
            "BlobImmutableDueToPolicy",
            FailureKind::Refused,
            false,
            "protect",
        ),
        (503, "ServerBusy", FailureKind::RateLimited, true, "fewer"),
        (
            500,
            "InternalError",
            FailureKind::Unavailable,
            true,
            "InternalError",
        ),
        (
            400,
            "InvalidBlockList",
            FailureKind::Unavailable,
            true,
            "again",
        ),
        (
            400,
            "InvalidHeaderValue",
            FailureKind::Refused,
            false,
            "InvalidHeaderValue",
        ),
        (400, "<script>", FailureKind::Refused, false, "status 400"),
    ] {
        let reply = Reply::status(status, "<Message>secret</Message>");
        let server = Canned::start(move |_| reply.clone().with("x-ms-error-code", code)).await;
        let place = destination(&server).with_existing(Existing::Replace);
        for failure in [
            place.check().await.unwrap_err(),
            write(&place, b"x").await.unwrap_err(),
            write(&place, &vec![1; 9 * MIB]).await.unwrap_err(),
        ] {
            assert_eq!(
                (failure.kind, failure.retryable),
                (kind, retryable),
                "{code}: {failure}"
            );
            assert_eq!(failure.origin, Origin::Destination);
            assert!(failure.message.contains(says), "{code}: {failure}");
            assert!(!failure.message.contains("secret"), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_from_a_key_that_is() {
    let server = Canned::start(|_| {
        Reply::status(403, "")
            .with("x-ms-error-code", "AuthenticationFailed")
            .with("Date", "Wed, 21 Oct 2015 07:28:00 GMT")
    })
    .await;
    let failure = destination(&server).check().await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.retryable),
        (FailureKind::Misconfigured, true)
    );
    assert!(failure.message.contains("clock"), "{failure}");
}

#[tokio::test]
async fn what_the_store_had_no_time_for_is_asked_again_with_a_new_signature() {
    let server = Canned::start(|asked| match asked.before {
        0 | 1 => Reply::status(503, "").with("x-ms-error-code", "ServerBusy"),
        // The connection breaks before an answer.
        3 => Reply::Bytes(Vec::new()),
        _ => Reply::status(201, ""),
    })
    .await;
    let place = destination(&server);
    assert_eq!(
        write(&place, &vec![1; 9 * MIB]).await.unwrap(),
        9 * MIB as u64
    );
    let asked: Vec<_> = server
        .asked()
        .iter()
        .map(|asked| asked.body.len())
        .collect();
    assert_eq!(asked[..5], [8 * MIB, 8 * MIB, 8 * MIB, MIB, MIB]);
}

#[tokio::test]
async fn a_store_that_knows_no_conditions_is_not_written_to() {
    let server = Canned::start(|_| Reply::status(201, "")).await;
    let failure = destination(&server).check().await.unwrap_err();
    assert!(failure.message.contains("conditional"), "{failure}");
    let server = Canned::start(|_| Reply::status(412, "")).await;
    destination(&server).check().await.unwrap();
    assert_eq!(server.asked()[0].header("if-match"), Some("\"0x0\""));
}

#[tokio::test]
async fn a_file_that_is_changed_while_it_is_read_breaks_off() {
    let piece = |first: &str, etag: &str| {
        Reply::Whole(206, Vec::new(), vec![1; MIB])
            .with("Content-Range", first)
            .with("ETag", etag)
    };
    let begin = piece(&format!("bytes 0-{}/{}", MIB - 1, 2 * MIB), "\"1\"");
    let other = piece(&format!("bytes {MIB}-{}/{}", 2 * MIB - 1, 2 * MIB), "\"2\"");
    let server = Canned::start(move |asked| match asked.before {
        0 => begin.clone(),
        _ => other.clone(),
    })
    .await;
    let (bytes, mut reader) = destination(&server).open("a.csv").await.unwrap();
    assert_eq!(bytes, 2 * MIB as u64);
    assert!(reader.read_to_end(&mut Vec::new()).await.is_err());
    assert_eq!(server.asked()[1].header("if-match"), Some("\"1\""));
}

#[tokio::test]
async fn a_store_inside_the_network_is_not_written_to() {
    let server = Canned::start(|_| Reply::status(201, "")).await;
    let http = Http::new(Guard::public(), Limits::default()).unwrap();
    let place = AzurePlace::new(settings(&server.url), "", http).unwrap();
    let failure = place.check().await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.retryable),
        (FailureKind::Misconfigured, false)
    );
    assert_eq!(server.asked().len(), 0);
}
