//! Files in a container of Azure's: visible only when whole, refused with what to fix.

use bytes::Bytes;
use rail_shared::blobs::{AzureKey, AzurePlace, AzureSettings, Destination, Existing, Place};
use rail_shared::domain::{Failure, FailureKind, Origin};
use rail_shared::http::{Guard, Http, Limits};
use rail_tests::harness::{Rail, text};
use rail_tests::stores::ObjectStore;
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::uploads::{content, write};

const MIB: usize = 1 << 20;

fn settings(store: &ObjectStore) -> AzureSettings {
    AzureSettings {
        account: store.credential("account").into(),
        container: store.credential("container").into(),
        key: AzureKey::Account(store.credential("accountKey").to_owned().into()),
        endpoint: Some(store.base_url().parse().unwrap()),
    }
}

fn reached(settings: AzureSettings) -> Destination {
    let endpoint = settings.endpoint.as_ref().map(ToString::to_string);
    let http = Http::new(Guard::public_and(&endpoint), Limits::default()).unwrap();
    let place = AzurePlace::new(settings, "/contracts/", http).unwrap();
    Place::Azure(Box::new(place)).into()
}

async fn read(place: &Destination, key: &str) -> Vec<u8> {
    let (bytes, mut reader) = place.open(key).await.unwrap();
    let mut read = Vec::new();
    reader.read_to_end(&mut read).await.unwrap();
    assert_eq!(bytes, read.len() as u64);
    read
}

fn names(store: &mut ObjectStore) -> Vec<String> {
    store
        .listed()
        .into_iter()
        .map(|object| object.key)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_any_size_is_visible_only_when_whole() {
    let Some(mut store) = ObjectStore::azure() else {
        return;
    };
    let place = reached(settings(&store));
    for length in [0, 10, 8 * MIB, 8 * MIB + 1, 30 * MIB] {
        let key = format!("run 1/été {length}.csv");
        let sent = content(length);
        let mut upload = place.begin(&key).await.unwrap();
        for chunk in sent.chunks(700_001) {
            upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let full_key = format!("contracts/{key}");
        assert!(!names(&mut store).contains(&full_key));

        let written = upload.finish().await.unwrap();
        assert_eq!(written.bytes, length as u64);
        assert!(names(&mut store).contains(&full_key));
        assert!(read(&place, &key).await == sent, "{length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_not_visible_and_does_not_mix_with_what_comes_later() {
    let Some(mut store) = ObjectStore::azure() else {
        return;
    };
    let place = reached(settings(&store));
    for _ in 0..2 {
        let mut upload = place.begin("a.csv").await.unwrap();
        upload.write(content(18 * MIB).into()).await.unwrap();
        upload.abort().await;
    }
    let mut dropped = place.begin("a.csv").await.unwrap();
    dropped.write(content(18 * MIB).into()).await.unwrap();
    drop(dropped);
    assert_eq!(names(&mut store), [""; 0]);

    let sent = content(20 * MIB);
    write(&place, "a.csv", &sent).await.unwrap();
    assert!(read(&place, "a.csv").await == sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_blob_is_replaced_only_where_that_is_asked_for() {
    let Some(store) = ObjectStore::azure() else {
        return;
    };
    let place = reached(settings(&store));
    write(&place, "a.csv", b"first").await.unwrap();
    for length in [5, 9 * MIB] {
        let refused = write(&place, "a.csv", &content(length)).await.unwrap_err();
        assert_eq!(
            (refused.kind, refused.retryable),
            (FailureKind::Refused, false)
        );
        assert!(
            refused.message.contains("rail-objects/contracts/a.csv"),
            "{refused}"
        );
    }
    assert_eq!(read(&place, "a.csv").await, b"first");
    let replacing = place.clone().with_existing(Existing::Replace);
    for length in [5, 9 * MIB] {
        let sent = content(length);
        write(&replacing, "a.csv", &sent).await.unwrap();
        assert!(read(&place, "a.csv").await == sent, "{length}");
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_to_fix() {
    let Some(mut store) = ObjectStore::azure() else {
        return;
    };
    let good = settings(&store);
    reached(good.clone()).check().await.unwrap();
    let with_key = |key| AzureSettings {
        key,
        ..good.clone()
    };
    let create = AzureKey::Sas(store.sas("cw").into());
    write(&reached(with_key(create)), "b.csv", b"x")
        .await
        .unwrap();
    assert_eq!(
        names(&mut store),
        ["contracts/b.csv"],
        "a check leaves nothing behind"
    );

    for (settings, kind, says) in [
        (
            // Azure itself says AuthenticationFailed.
            with_key(AzureKey::Account("AAAA".to_owned().into())),
            FailureKind::PermissionDenied,
            "AuthorizationFailure",
        ),
        (
            with_key(AzureKey::Sas(store.sas("rl").into())),
            FailureKind::PermissionDenied,
            "cw",
        ),
        (
            AzureSettings {
                container: "not-there".to_owned(),
                ..good.clone()
            },
            FailureKind::NotFound,
            "not-there",
        ),
    ] {
        for failure in refusals(&reached(settings.clone())).await {
            assert_eq!(
                (failure.kind, failure.retryable),
                (kind, false),
                "{failure}"
            );
            assert_eq!(failure.origin, Origin::Destination);
            assert!(failure.message.contains(says), "{failure}");
        }
    }
    let missing = reached(good).open("none.csv").await.err().unwrap();
    assert_eq!(
        (missing.kind, missing.retryable),
        (FailureKind::NotFound, false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_the_operators_account_is_whole_in_its_container() {
    let Some(mut store) = ObjectStore::azure() else {
        return;
    };
    let rail = Rail::builder()
        .customers(300)
        .variable("RAIL_AZURE_ACCOUNT", store.credential("account"))
        .variable("RAIL_AZURE_ACCOUNT_KEY", store.credential("accountKey"))
        .variable("RAIL_AZURE_ENDPOINT", store.base_url())
        .start()
        .await;
    let stripe = rail.connect_stripe().await;
    rail.sync(
        &stripe,
        &json!({ "entities": ["customers"], "mode": "FULL" }),
    )
    .await;
    let mut body = json!({
        "name": "Test", "format": "CSV", "entities": ["customers"],
        "destination": { "type": "AZURE_BLOB", "container": store.credential("container"), "path": "/out/" },
    });

    let run = rail.export(&body).await;

    assert_eq!(
        (text(&run, "status"), &run["rows"]),
        ("COMPLETED", &json!(300)),
        "{run}"
    );
    let objects = store.listed();
    let file = &run["files"][0];
    assert_eq!(json!(objects[0].size), file["bytes"]);
    assert!(
        objects[0].key.starts_with("out/customers-run_"),
        "{objects:?}"
    );
    assert!(text(file, "path").ends_with(&objects[0].key), "{file}");

    body["destination"]["container"] = json!("not-there");
    let failed = rail.export(&body).await;
    assert_eq!(text(&failed, "status"), "FAILED");
    assert!(
        text(&failed["error"], "message").contains("not-there"),
        "{failed}"
    );
}
