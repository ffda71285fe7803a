//! Files in object stores, fetched by those who may read the run and have no credentials of the store.

use rail_shared::domain::Scope;
use rail_tests::harness::{Caller, Rail, text};
use rail_tests::moto::Moto;
use rail_tests::stores::ObjectStore;
use reqwest::redirect::Policy;
use reqwest::{Method, Response, header};
use serde_json::{Value, json};

use super::exports::sha256;

const BUCKET: &str = "downloads-bucket";

async fn exported(rail: &Rail, destination: &Value) -> Value {
    let records = "{\"id\":1,\"name\":\"Ada\"}\n{\"id\":2,\"name\":\"Grace\"}\n";
    let put = rail.caller.request(Method::PUT, "/records/contracts");
    let put = put.header("content-type", "application/x-ndjson");
    put.body(records).send().await.unwrap();
    let run = rail
        .export(&json!({
            "name": "Test", "format": "CSV", "entities": ["contracts"], "destination": destination,
        }))
        .await;
    assert_eq!(text(&run, "status"), "COMPLETED", "{run}");
    run
}

/// The answer to the request for the file itself, redirects not followed.
async fn asked(caller: &Caller, run: &Value) -> Response {
    let path = format!(
        "/exports/{}/runs/{}/files/contracts",
        text(run, "exportId"),
        text(run, "runId")
    );
    let request = caller.request(Method::GET, &path).build().unwrap();
    let client = reqwest::Client::builder().no_proxy();
    let client = client.redirect(Policy::none()).build().unwrap();
    client.execute(request).await.unwrap()
}

/// What anybody gets who has the URL and nothing else.
async fn fetched(url: &str) -> (u16, Vec<u8>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.bytes().await.unwrap().to_vec())
}

/// The link that is fetched.
async fn is_fetched_by_its_link(rail: &Rail, run: &Value, secret: &str) -> String {
    let answer = asked(&rail.caller, run).await;
    assert_eq!(answer.status(), 307);
    let url = answer.headers()[header::LOCATION].to_str().unwrap();
    assert!(!url.contains(secret), "{url}");
    let (status, bytes) = fetched(url).await;
    assert_eq!(
        (status, sha256(&bytes).as_str()),
        (200, text(&run["files"][0], "sha256"))
    );
    url.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_a_bucket_is_downloaded_by_a_link_that_its_connection_signs() {
    let Some(moto) = Moto::start().unwrap() else {
        return;
    };
    moto.bucket(BUCKET).await.unwrap();
    // Its check of rights knows no signed URLs, so it stays switched off.
    let keys = moto.user("tenant", &["s3:*"]).await.unwrap();
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_S3_BASE_URL", moto.endpoint())
        .start()
        .await;
    let connection = rail
        .caller
        .post(
            "/connections?verify=false",
            &json!({"connectorId": "s3", "name": "Theirs", "config": {}, "credentials": {
                "accessKeyId": keys.access_key_id, "secretAccessKey": keys.secret_access_key,
                "region": "us-east-1", "bucket": BUCKET,
            }}),
        )
        .await
        .expect(201);
    let connection = text(&connection, "connectionId");
    let run = exported(
        &rail,
        &json!({"type": "S3", "path": "out and about", "connectionId": connection}),
    )
    .await;

    let link = is_fetched_by_its_link(&rail, &run, &keys.secret_access_key).await;
    for part in ["X-Amz-Signature=", "X-Amz-Expires=900", &keys.access_key_id] {
        assert!(link.contains(part), "{part}: {link}");
    }

    let other = rail.caller_of("other", Scope::ALL).await;
    assert_eq!(asked(&other, &run).await.status(), 404);

    let path = format!("/connections/{connection}");
    assert_eq!(rail.caller.delete(&path).await.status, 204);
    let refused = asked(&rail.caller, &run).await;
    assert_eq!(refused.status(), 409);
    let problem: Value = refused.json().await.unwrap();
    assert!(
        text(&problem, "type").ends_with("not-downloadable"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_downloaded_by_a_link_that_the_operators_account_signs() {
    let Some(store) = ObjectStore::azure() else {
        return;
    };
    let key = store.credential("accountKey");
    let rail = Rail::builder()
        .variable("RAIL_AZURE_ACCOUNT", store.credential("account"))
        .variable("RAIL_AZURE_ACCOUNT_KEY", key)
        .variable("RAIL_AZURE_ENDPOINT", store.base_url())
        .start()
        .await;
    let to =
        json!({"type": "AZURE_BLOB", "container": store.credential("container"), "path": "é t"});
    let run = exported(&rail, &to).await;

    let link = is_fetched_by_its_link(&rail, &run, key).await;
    let (unsigned, _) = link.split_once('?').unwrap();
    assert_ne!(fetched(unsigned).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_written_with_a_sas_token_says_where_it_is_and_the_token_to_nobody() {
    let Some(mut store) = ObjectStore::azure() else {
        return;
    };
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_AZURE_BLOB_BASE_URL", store.base_url())
        .start()
        .await;
    let mut credentials = Value::Object(store.credentials().clone());
    credentials.as_object_mut().unwrap().remove("accountKey");
    credentials["sasToken"] = json!(store.sas("cw"));
    let asked_for = json!({
        "connectorId": "azure_blob", "name": "Theirs", "config": {}, "credentials": credentials,
    });
    let path = "/connections?verify=false";
    let connection = rail.caller.post(path, &asked_for).await.expect(201);
    let connection = text(&connection, "connectionId");
    let to = json!({"type": "AZURE_BLOB", "path": "out", "connectionId": connection});
    let run = exported(&rail, &to).await;

    let refused = asked(&rail.caller, &run).await;

    assert_eq!(refused.status(), 409);
    let problem = refused.text().await.unwrap();
    assert!(problem.contains("/out/contracts-"), "{problem}");
    assert!(!problem.contains("sig="), "{problem}");
}
