//! Files in a bucket: visible only when whole, refused with what to fix.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use rail_shared::blobs::{Addressing, Destination, Existing, Place, S3Keys, S3Place, S3Settings};
use rail_shared::domain::{Failure, FailureKind, Origin};
use rail_shared::http::{Guard, Http, Limits};
use rail_tests::moto::{Moto, MotoKeys};
use tokio::io::AsyncReadExt;

use super::uploads::{content, write};

const BUCKET: &str = "exports-bucket";
const WRITER: &[&str] = &["s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject"];
const MIB: usize = 1 << 20;

/// A server with a bucket, and the key of a user who may do `actions` in it.
async fn store(actions: &[&str]) -> Option<(Moto, MotoKeys)> {
    let moto = Moto::start().unwrap()?;
    moto.bucket(BUCKET).await.unwrap();
    let keys = moto.user("exporter", actions).await.unwrap();
    moto.enforce().await.unwrap();
    Some((moto, keys))
}

fn destination(endpoint: &str, bucket: &str, id: &str, secret: &str) -> Destination {
    let settings = S3Settings {
        bucket: bucket.to_owned(),
        prefix: "/contracts/".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some(endpoint.parse().unwrap()),
        addressing: Addressing::Path,
        keys: S3Keys {
            access_key_id: id.to_owned(),
            secret_access_key: secret.into(),
            session_token: None,
        },
    };
    let http = Http::new(Guard::public().trusting(endpoint), Limits::default()).unwrap();
    Place::S3(Box::new(S3Place::new(settings, http).unwrap())).into()
}

fn reached(moto: &Moto, keys: &MotoKeys) -> Destination {
    destination(
        moto.endpoint(),
        BUCKET,
        &keys.access_key_id,
        &keys.secret_access_key,
    )
}

async fn listed(moto: &Moto, query: &str, element: &str) -> Vec<String> {
    let (status, body) = moto.look(&format!("{BUCKET}?{query}")).await.unwrap();
    assert_eq!(status, 200);
    let xml = String::from_utf8(body).unwrap();
    xml.split(&format!("<{element}>"))
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect()
}

async fn objects(moto: &Moto) -> Vec<String> {
    listed(moto, "list-type=2", "Key").await
}

async fn unfinished(moto: &Moto) -> Vec<String> {
    listed(moto, "uploads", "UploadId").await
}

#[tokio::test]
async fn a_file_of_any_size_is_visible_only_when_whole() {
    let Some((moto, keys)) = store(WRITER).await else {
        return;
    };
    let place = reached(&moto, &keys);
    for (length, parts) in [
        (0, 0),
        (10, 0),
        (8 * MIB, 0),
        (8 * MIB + 1, 2),
        (20 * MIB, 3),
    ] {
        let key = format!("run_1/{length}.csv");
        let sent = content(length);
        let mut upload = place.begin(&key).await.unwrap();
        for chunk in sent.chunks(700_001) {
            upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let full_key = format!("contracts/{key}");
        assert!(!objects(&moto).await.contains(&full_key));
        assert_eq!(unfinished(&moto).await.len(), usize::from(parts > 0));

        let written = upload.finish().await.unwrap();
        assert_eq!(written.bytes, length as u64);
        assert_eq!(written.sha256.len(), 64);
        assert!(objects(&moto).await.contains(&full_key));
        assert_eq!(unfinished(&moto).await, [""; 0]);
        let (status, stored) = moto.look(&format!("{BUCKET}/{full_key}")).await.unwrap();
        assert!(status == 200 && stored == sent, "{length}");
        let etags = listed(&moto, &format!("list-type=2&prefix={full_key}"), "ETag").await;
        assert_eq!(
            etags[0].contains(&format!("-{parts}")),
            parts > 0,
            "{etags:?}"
        );

        let (bytes, mut reader) = place.open(&key).await.unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).await.unwrap();
        assert!(bytes == length as u64 && read == sent, "{length}");
        assert_eq!(place.locate(&key), format!("s3://{BUCKET}/{full_key}"));
    }
}

#[tokio::test]
async fn names_keep_their_characters() {
    let Some((moto, keys)) = store(WRITER).await else {
        return;
    };
    let place = reached(&moto, &keys);
    for key in [
        "été 1.csv",
        "a+b=c&d.csv",
        "100%20.csv",
        "q?x#y.csv",
        "(a)'*~!.csv",
    ] {
        write(&place, key, key.as_bytes()).await.unwrap();
        let (_, mut reader) = place.open(key).await.unwrap();
        let mut read = String::new();
        reader.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, key);
    }
    let stored = objects(&moto).await;
    for key in ["été 1.csv", "a+b=c&amp;d.csv", "100%20.csv", "q?x#y.csv"] {
        assert!(
            stored.contains(&format!("contracts/{key}")),
            "{key} in {stored:?}"
        );
    }
}

#[tokio::test]
async fn what_is_given_up_leaves_nothing() {
    let Some((moto, keys)) = store(WRITER).await else {
        return;
    };
    let place = reached(&moto, &keys);

    let mut aborted = place.begin("aborted.csv").await.unwrap();
    aborted.write(content(18 * MIB).into()).await.unwrap();
    assert_eq!(unfinished(&moto).await.len(), 1);
    aborted.abort().await;
    assert_eq!(unfinished(&moto).await, [""; 0]);

    let mut dropped = place.begin("dropped.csv").await.unwrap();
    dropped.write(content(18 * MIB).into()).await.unwrap();
    assert_eq!(unfinished(&moto).await.len(), 1);
    drop(dropped);
    let patience = Instant::now() + Duration::from_secs(20);
    // Each look is a round trip to the server: that is the pause.
    while !unfinished(&moto).await.is_empty() {
        assert!(Instant::now() < patience, "the upload was not withdrawn");
    }
    assert_eq!(objects(&moto).await, [""; 0]);
}

#[tokio::test]
async fn an_existing_object_is_never_replaced() {
    let Some((moto, keys)) = store(WRITER).await else {
        return;
    };
    let place = reached(&moto, &keys);
    write(&place, "a.csv", b"first").await.unwrap();
    for length in [5, 9 * MIB] {
        let refused = write(&place, "a.csv", &content(length)).await.unwrap_err();
        assert_eq!(
            (refused.kind, refused.retryable),
            (FailureKind::Refused, false)
        );
        assert!(
            refused
                .message
                .contains("s3://exports-bucket/contracts/a.csv"),
            "{refused}"
        );
    }
    let (_, stored) = moto
        .look(&format!("{BUCKET}/contracts/a.csv"))
        .await
        .unwrap();
    assert_eq!(stored, b"first");
    assert_eq!(unfinished(&moto).await, [""; 0]);
}

#[tokio::test]
async fn an_object_is_replaced_where_that_is_asked_for() {
    let Some((moto, keys)) = store(WRITER).await else {
        return;
    };
    let place = reached(&moto, &keys).with_existing(Existing::Replace);
    for length in [5, 9 * MIB, 7] {
        let sent = content(length);
        write(&place, "a.csv", &sent).await.unwrap();
        let (_, stored) = moto
            .look(&format!("{BUCKET}/contracts/a.csv"))
            .await
            .unwrap();
        assert!(stored == sent, "{length}");
    }
    assert_eq!(unfinished(&moto).await, [""; 0]);
}

#[tokio::test]
async fn a_check_leaves_nothing_behind() {
    let Some((moto, keys)) = store(&["s3:PutObject", "s3:AbortMultipartUpload"]).await else {
        return;
    };
    reached(&moto, &keys).check().await.unwrap();
    assert_eq!(objects(&moto).await, [""; 0]);
    assert_eq!(unfinished(&moto).await, [""; 0]);
}

/// What every way of using a destination fails with.
async fn refusals(place: &Destination) -> [Failure; 3] {
    [
        place.check().await.unwrap_err(),
        write(place, "small.csv", b"x").await.unwrap_err(),
        write(place, "large.csv", &content(9 * MIB))
            .await
            .unwrap_err(),
    ]
}

#[tokio::test]
async fn a_refusal_says_what_to_fix() {
    let Some((moto, keys)) = store(&["s3:GetObject"]).await else {
        return;
    };
    let (id, secret) = (&keys.access_key_id, &keys.secret_access_key);
    let endpoint = moto.endpoint();
    for (place, kind, says) in [
        (
            reached(&moto, &keys),
            FailureKind::PermissionDenied,
            "s3:PutObject",
        ),
        (
            destination(endpoint, BUCKET, id, "another-secret"),
            FailureKind::CredentialsRejected,
            "SignatureDoesNotMatch",
        ),
        (
            destination(endpoint, BUCKET, "AKIAIOSFODNN7EXAMPLE", secret),
            FailureKind::CredentialsRejected,
            "InvalidAccessKeyId",
        ),
    ] {
        for failure in refusals(&place).await {
            assert_eq!(
                (failure.kind, failure.retryable),
                (kind, false),
                "{failure}"
            );
            assert_eq!(failure.origin, Origin::Destination);
            assert!(failure.message.contains(says), "{failure}");
            assert!(!failure.message.contains(secret.as_str()), "{failure}");
        }
    }
    let missing = reached(&moto, &keys).open("none.csv").await.err().unwrap();
    assert_eq!(
        (missing.kind, missing.retryable),
        (FailureKind::NotFound, false)
    );
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let Some((moto, keys)) = store(WRITER).await else {
        return;
    };
    let place = destination(
        moto.endpoint(),
        "not-there",
        &keys.access_key_id,
        &keys.secret_access_key,
    );
    for failure in refusals(&place).await {
        assert_eq!(
            (failure.kind, failure.retryable),
            (FailureKind::NotFound, false),
            "{failure}"
        );
        assert!(failure.message.contains("not-there"), "{failure}");
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_may_answer_later() {
    // Nobody listens there.
    let place = destination("http://127.0.0.1:9", BUCKET, "AKIAEXAMPLE", "secret");
    let failure = place.check().await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.retryable),
        (FailureKind::Unavailable, true)
    );
    assert!(failure.message.contains("cannot be reached"), "{failure}");
}
