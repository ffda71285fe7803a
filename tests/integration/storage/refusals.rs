//! Connections that do not work, and what is said of them.

use rail_tests::harness::{Rail, text};
use rail_tests::stores::ObjectStore;
use serde_json::{Map, Value, json};

use super::syncing::rail_for;

/// What the test of such a connection reports; or why it was not made, where that was tested then already.
async fn tested(rail: &Rail, connector: &str, credentials: &Map<String, Value>) -> Value {
    let body = json!({
        "connectorId": connector, "name": "Files", "credentials": credentials, "config": {},
    });
    let answer = rail.caller.post("/connections", &body).await;
    if answer.status == 422 {
        let detail = answer.body["detail"].clone();
        return json!({ "success": false, "error": { "code": answer.body["code"], "detail": detail } });
    }
    let connection = answer.expect(201);
    let path = format!("/connections/{}/test", text(&connection, "connectionId"));
    rail.caller.post(&path, &Value::Null).await.expect(200)
}

fn with(credentials: &Map<String, Value>, changes: Value) -> Map<String, Value> {
    let mut changed = credentials.clone();
    let Value::Object(changes) = changes else {
        unreachable!("changes are an object")
    };
    for (name, value) in changes {
        if value.is_null() {
            changed.remove(&name);
        } else {
            changed.insert(name, value);
        }
    }
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_finds_what_the_credentials_may_do() {
    for mut store in ObjectStore::all().await {
        let rail = rail_for(&store).await;
        for _ in 0..2 {
            let report = tested(&rail, store.connector(), store.credentials()).await;
            assert_eq!(report["success"], true, "{report}");
            assert_eq!(report["permissions"], json!(["list", "read"]));
            assert!(report["latency"].is_u64());
            // Empty the first time.
            store.put("a.csv", "a\n1\n");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_s3_connection_is_named() {
    let Some(store) = ObjectStore::s3().await else {
        return;
    };
    let rail = rail_for(&store).await;
    let good = store.credentials();
    for (changes, code, says) in [
        (
            json!({ "secretAccessKey": "another" }),
            "credentials-rejected",
            "SignatureDoesNotMatch",
        ),
        (
            json!({ "accessKeyId": "AKIAIOSFODNN7EXAMPLE" }),
            "credentials-rejected",
            "InvalidAccessKeyId",
        ),
        (json!({ "bucket": "not-there" }), "not-found", "not-there"),
    ] {
        let report = tested(&rail, "s3", &with(good, changes)).await;
        assert_eq!(report["success"], false, "{report}");
        assert_eq!(text(&report["error"], "code"), code, "{report}");
        assert!(text(&report["error"], "detail").contains(says), "{report}");
        let secret = good["secretAccessKey"].as_str().unwrap();
        assert!(!report.to_string().contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_key_is_no_good_any_more_asks_for_another_and_is_tried_once() {
    let Some(store) = ObjectStore::s3().await else {
        return;
    };
    let rail = rail_for(&store).await;
    let body = json!({
        "connectorId": "s3", "name": "Files", "config": {},
        "credentials": with(store.credentials(), json!({ "secretAccessKey": "another" })),
    });
    let made = rail.caller.post("/connections?verify=false", &body).await;
    let connection = text(&made.expect(201), "connectionId").to_owned();
    let failed = rail.sync(&connection, &json!({ "mode": "FULL" })).await;
    assert_eq!(failed["status"], "FAILED", "{failed}");
    assert_eq!(failed["error"]["kind"], "credentials-rejected", "{failed}");
    assert_eq!(failed["attempt"], 1, "{failed}");
    let shown = rail.caller.get(&format!("/connections/{connection}")).await;
    assert_eq!(text(&shown.expect(200), "status"), "REAUTH_REQUIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_azure_connection_is_named() {
    let Some(mut store) = ObjectStore::azure() else {
        return;
    };
    store.put("a.csv", "a\n1\n");
    let rail = rail_for(&store).await;
    let good = store.credentials().clone();
    let sas = |token: String| json!({ "accountKey": null, "sasToken": token });
    let readable = with(&good, sas(store.sas("rl")));
    let report = tested(&rail, "azure_blob", &readable).await;
    assert_eq!(report["permissions"], json!(["list", "read"]), "{report}");

    let only_listed = with(&good, sas(store.sas("l")));
    let report = tested(&rail, "azure_blob", &only_listed).await;
    assert!(report.to_string().contains("rows:read"), "{report}");

    for (credentials, code, says) in [
        (
            // Azure itself says AuthenticationFailed.
            with(&good, json!({ "accountKey": "AAAA" })),
            "permission-denied",
            "AuthorizationFailure",
        ),
        (
            with(&good, json!({ "container": "not-there" })),
            "not-found",
            "not-there",
        ),
        (
            with(&good, json!({ "accountKey": null })),
            "misconfigured",
            "sasToken",
        ),
        (
            with(&good, sas(store.sas("r"))),
            "permission-denied",
            "list",
        ),
    ] {
        let report = tested(&rail, "azure_blob", &credentials).await;
        assert_eq!(report["success"], false, "{report}");
        assert_eq!(text(&report["error"], "code"), code, "{report}");
        assert!(text(&report["error"], "detail").contains(says), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_of_the_callers_inside_the_network_is_not_asked() {
    for store in ObjectStore::all().await {
        // The operator has not set it as the connector's address.
        let rail = Rail::builder().start().await;
        let endpoint = json!({ "endpoint": store.base_url() });
        let report = tested(
            &rail,
            store.connector(),
            &with(store.credentials(), endpoint),
        )
        .await;
        assert_eq!(report["success"], false, "{report}");
        assert_eq!(text(&report["error"], "code"), "misconfigured", "{report}");
        assert!(
            text(&report["error"], "detail").contains("private network"),
            "{report}"
        );
    }
}
