//! Where exports go: whose credentials open it, whether it takes files, and what dead workers leave there.

use std::fs;
use std::path::Path;

use rail_shared::domain::Scope;
use rail_shared::store::unfinished_uploads::{self, Writer};
use rail_tests::harness::{Caller, Rail, send, text};
use rail_tests::moto::{Moto, MotoKeys};
use rail_tests::processes::{Installation, Program};
use rail_tests::stores::ObjectStore;
use rail_tests::wait::{SOON, wait_until};
use reqwest::Method;
use serde_json::{Value, json};

const BUCKET: &str = "tenants-bucket";
const WRITER: &[&str] = &["s3:PutObject", "s3:AbortMultipartUpload"];

/// A server with a bucket, and the key of somebody who may write in it.
pub(crate) async fn s3() -> Option<(Moto, MotoKeys)> {
    let moto = Moto::start().unwrap()?;
    moto.bucket(BUCKET).await.unwrap();
    let keys = moto.user("tenant", WRITER).await.unwrap();
    moto.enforce().await.unwrap();
    Some((moto, keys))
}

/// As credentials of a connection.
pub(crate) fn of_s3(keys: &MotoKeys) -> Value {
    json!({
        "accessKeyId": keys.access_key_id, "secretAccessKey": keys.secret_access_key,
        "region": "us-east-1", "bucket": BUCKET,
    })
}

/// A connection with these credentials, which are not tried.
pub(crate) async fn connect(caller: &Caller, connector: &str, credentials: &Value) -> String {
    let body = json!({
        "connectorId": connector, "name": "Theirs", "credentials": credentials, "config": {},
    });
    // It may write and not read, so its test would say no.
    let made = caller.post("/connections?verify=false", &body).await;
    text(&made.expect(201), "connectionId").to_owned()
}

async fn put_in(caller: &Caller, lines: String) {
    let request = caller.request(Method::PUT, "/records/contracts");
    let request = request.header("content-type", "application/x-ndjson");
    let _ = send(request.body(lines)).await.expect(200);
}

fn export_to(destination: &Value) -> Value {
    json!({
        "name": "Test", "format": "CSV", "entities": ["contracts"], "destination": destination,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_writes_with_the_credentials_of_a_connection_into_its_own_bucket() {
    let Some((moto, keys)) = s3().await else {
        return;
    };
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_S3_BASE_URL", moto.endpoint())
        .start()
        .await;
    put_in(&rail.caller, "{\"id\":1}\n".to_owned()).await;
    let connection = connect(&rail.caller, "s3", &of_s3(&keys)).await;
    let body = export_to(&json!({ "type": "S3", "path": "/out/", "connectionId": connection }));

    let run = rail.export(&body).await;

    assert_eq!(text(&run, "status"), "COMPLETED", "{run}");
    let path = text(&run["files"][0], "path");
    let key = path.strip_prefix("s3://").unwrap();
    assert!(key.starts_with("tenants-bucket/out/"), "{path}");
    let (status, bytes) = moto.look(key).await.unwrap();
    assert_eq!(
        (status, json!(bytes.len())),
        (200, run["files"][0]["bytes"].clone())
    );

    let export = rail.caller.post("/exports", &body).await.expect(201);
    let test = format!("/exports/{}/test", text(&export, "exportId"));
    let tested = rail.caller.post(&test, &Value::Null).await.expect(200);
    assert_eq!(tested["success"], true, "{tested}");

    let path = format!("/connections/{connection}");
    assert_eq!(rail.caller.delete(&path).await.status, 204);
    let tested = rail.caller.post(&test, &Value::Null).await.expect(200);
    assert_eq!(tested["error"]["code"], "misconfigured", "{tested}");
    let path = test.replace("/test", "/run");
    let run = rail.caller.post(&path, &Value::Null).await.expect(202);
    let run = rail
        .ended(&format!("{}s/{}", path, text(&run, "runId")))
        .await;
    assert_eq!(text(&run, "status"), "FAILED", "{run}");
    assert!(text(&run["error"], "message").contains("deleted"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_writes_with_the_credentials_of_an_azure_connection() {
    let Some(mut store) = ObjectStore::azure() else {
        return;
    };
    let rail = Rail::builder()
        .variable("RAIL_CONNECTOR_AZURE_BLOB_BASE_URL", store.base_url())
        .start()
        .await;
    put_in(&rail.caller, "{\"id\":1}\n".to_owned()).await;
    let mut credentials = Value::Object(store.credentials().clone());
    credentials.as_object_mut().unwrap().remove("accountKey");
    credentials["sasToken"] = json!(store.sas("cw"));
    let connection = connect(&rail.caller, "azure_blob", &credentials).await;
    let to = json!({ "type": "AZURE_BLOB", "path": "out", "connectionId": connection });

    let run = rail.export(&export_to(&to)).await;

    assert_eq!(text(&run, "status"), "COMPLETED", "{run}");
    let listed = store.listed();
    assert_eq!(listed.len(), 2, "the file, and the manifest");
    let path = text(&run["files"][0], "path");
    assert!(listed.iter().any(|object| path.ends_with(&object.key)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connections_own_endpoint_in_a_private_network_is_not_written_to() {
    let Some((moto, keys)) = s3().await else {
        return;
    };
    // The operator may write there, and whoever names the same place may not.
    let rail = Rail::builder()
        .variable("RAIL_S3_ENDPOINT", moto.endpoint())
        .variable("RAIL_S3_ACCESS_KEY_ID", &keys.access_key_id)
        .variable("RAIL_S3_SECRET_ACCESS_KEY", &keys.secret_access_key)
        .start()
        .await;
    put_in(&rail.caller, "{\"id\":1}\n".to_owned()).await;
    // Nor where the operator says that the vendor of another connector is.
    for endpoint in [moto.endpoint().to_owned(), rail.sandbox.base_url()] {
        let mut credentials = of_s3(&keys);
        credentials["endpoint"] = json!(endpoint);
        let connection = connect(&rail.caller, "s3", &credentials).await;
        let theirs = json!({ "type": "S3", "path": "out", "connectionId": connection });
        let refused = rail.export(&export_to(&theirs)).await;
        assert_eq!(text(&refused, "status"), "FAILED", "{refused}");
        let said = text(&refused["error"], "message");
        assert!(said.contains("private network"), "{said}");
    }
    assert!(rail.sandbox.requests().all().is_empty());
    let mut credentials = of_s3(&keys);
    credentials["endpoint"] = json!(moto.endpoint());
    let connection = connect(&rail.caller, "s3", &credentials).await;
    let theirs = export_to(&json!({ "type": "S3", "path": "out", "connectionId": connection }));
    let own = export_to(&json!({ "type": "S3", "path": "out", "bucket": BUCKET }));

    let export = rail.caller.post("/exports", &theirs).await.expect(201);
    let test = format!("/exports/{}/test", text(&export, "exportId"));
    let tested = rail.caller.post(&test, &Value::Null).await.expect(200);
    let written = rail.export(&own).await;

    assert_eq!(text(&tested["error"], "code"), "misconfigured", "{tested}");
    let said = text(&tested["error"], "detail");
    assert!(said.contains("private network"), "{said}");
    assert_eq!(text(&written, "status"), "COMPLETED", "{written}");
    let (_, listed) = moto.look(&format!("{BUCKET}?list-type=2")).await.unwrap();
    let listed = String::from_utf8(listed).unwrap();
    assert_eq!(listed.matches("<Key>").count(), 2, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_connection_is_as_unknown_as_one_that_is_not_there() {
    let rail = Rail::builder().workers(0).start().await;
    let other = rail.caller_of("other", Scope::ALL).await;
    let credentials = json!({
        "accessKeyId": "AKIA", "secretAccessKey": "x", "region": "us-east-1", "bucket": BUCKET,
    });
    let theirs = connect(&other, "s3", &credentials).await;
    put_in(&rail.caller, "{\"id\":1}\n".to_owned()).await;
    put_in(&other, "{\"id\":1}\n".to_owned()).await;
    let to = |id: &str| export_to(&json!({ "type": "S3", "path": "x", "connectionId": id }));
    let mut answers = Vec::new();
    for id in [theirs.as_str(), "conn_01m85b2ph1exptz0qbt0xyhkgd"] {
        let refused = rail.caller.post("/exports", &to(id)).await;
        assert_eq!(refused.problem(422), "unknown-connection");
        answers.push(refused.body["errors"].clone());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][0]["pointer"], "/destination/connectionId");
    assert_eq!(answers[0][0]["code"], "unknown-connection");
    let _ = other.post("/exports", &to(&theirs)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_of_an_export_says_what_to_fix_and_leaves_nothing_behind() {
    let Some((moto, keys)) = s3().await else {
        return;
    };
    let rail = Rail::builder()
        .workers(0)
        .variable("RAIL_S3_ENDPOINT", moto.endpoint())
        .variable("RAIL_S3_ACCESS_KEY_ID", &keys.access_key_id)
        .variable("RAIL_S3_SECRET_ACCESS_KEY", &keys.secret_access_key)
        .variable("RAIL_CONNECTOR_S3_BASE_URL", moto.endpoint())
        .start()
        .await;
    put_in(&rail.caller, "{\"id\":1}\n".to_owned()).await;
    fs::write(rail.export_dir().join("file"), "x").unwrap();
    let wrong = json!({
        "accessKeyId": keys.access_key_id, "secretAccessKey": "another", "region": "us-east-1", "bucket": BUCKET,
    });
    let wrong = connect(&rail.caller, "s3", &wrong).await;
    for (to, code, says) in [
        (json!({ "type": "LOCAL", "path": "a/b" }), "", ""),
        (
            json!({ "type": "S3", "bucket": BUCKET, "path": "" }),
            "",
            "",
        ),
        (
            json!({ "type": "LOCAL", "path": "file" }),
            "misconfigured",
            "file",
        ),
        (
            json!({ "type": "S3", "bucket": "not-there", "path": "" }),
            "not-found",
            "not-there",
        ),
        (
            json!({ "type": "S3", "path": "", "connectionId": wrong }),
            "credentials-rejected",
            "secret access key",
        ),
    ] {
        let export = rail
            .caller
            .post("/exports", &export_to(&to))
            .await
            .expect(201);
        let path = format!("/exports/{}/test", text(&export, "exportId"));
        let tested = rail.caller.post(&path, &Value::Null).await.expect(200);
        assert_eq!(tested["success"], code.is_empty(), "{to}: {tested}");
        assert!(tested["latency"].is_u64());
        if code.is_empty() {
            assert_eq!(tested["error"], Value::Null);
        } else {
            assert_eq!(text(&tested["error"], "code"), code, "{tested}");
            assert!(text(&tested["error"], "detail").contains(says), "{tested}");
        }
    }
    assert_eq!(unfinished(&moto).await, 0);
    assert_eq!(files_below(rail.export_dir()), ["file"]);
    let other = rail.caller_of("other", Scope::ALL).await;
    let listed = rail.caller.get("/exports").await.expect(200);
    let path = format!("/exports/{}/test", text(&listed[0], "exportId"));
    assert_eq!(
        other.post(&path, &Value::Null).await.problem(404),
        "not-found"
    );
}

/// Uploads in parts that were begun and not ended.
async fn unfinished(moto: &Moto) -> usize {
    let (status, body) = moto.look(&format!("{BUCKET}?uploads")).await.unwrap();
    assert_eq!(status, 200);
    String::from_utf8(body)
        .unwrap()
        .matches("<UploadId>")
        .count()
}

/// Their names, hidden ones too.
fn files_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            names.extend(files_below(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names
}

/// Starts runs whose worker dies, at a later step each time, until one leaves something behind; returns that run.
async fn abandon(
    installation: &Installation,
    export: &str,
    left_behind: impl AsyncFn() -> bool,
) -> String {
    for step in 0..20 {
        let variable = [("RAIL_CRASH_AT_STEP", step.to_string())];
        let variable = variable
            .each_ref()
            .map(|(name, step)| (*name, step.as_str()));
        let mut doomed: Program = installation.start_worker_with(&variable);
        let path = format!("/exports/{export}/run");
        let run = installation
            .caller
            .post(&path, &Value::Null)
            .await
            .expect(202);
        let run = format!("{path}s/{}", text(&run, "runId"));
        let over = async || {
            let run = installation.caller.get(&run).await.expect(200);
            text(&run, "status") == "COMPLETED"
        };
        wait_until(
            SOON * 2,
            "the worker dies or the run completes",
            async || doomed.status().is_some() || over().await,
        )
        .await;
        if left_behind().await {
            assert!(doomed.status().is_some(), "the worker lives");
            return run;
        }
        doomed.kill();
        let _worker = installation.start_worker();
        wait_until(SOON * 2, "another worker completes it", over).await;
    }
    panic!("no step leaves a file behind");
}

#[tokio::test]
async fn what_a_dead_worker_left_at_s3_is_taken_away_and_the_run_completes() {
    let Some((moto, keys)) = s3().await else {
        return;
    };
    let logs = tempfile::tempdir().unwrap();
    let installation = Installation::builder("abandoned-s3", logs.path())
        .variable("RAIL_S3_ENDPOINT", moto.endpoint())
        .variable("RAIL_S3_ACCESS_KEY_ID", &keys.access_key_id)
        .variable("RAIL_S3_SECRET_ACCESS_KEY", &keys.secret_access_key)
        .start()
        .await;
    let long = "x".repeat(1 << 20);
    let lines = (0..20).map(|n| format!("{{\"id\":{n},\"text\":\"{long}\"}}\n"));
    put_in(&installation.caller, lines.collect()).await;
    let body = export_to(&json!({ "type": "S3", "bucket": BUCKET, "path": "" }));
    let export = installation
        .caller
        .post("/exports", &body)
        .await
        .expect(201);
    let run = abandon(&installation, text(&export, "exportId"), async || {
        unfinished(&moto).await > 0
    })
    .await;
    let noted = "SELECT count(*) FROM unfinished_uploads";
    assert_eq!(installation.database.ask(noted).await, 1);

    let _worker = installation.start_worker();

    wait_until(SOON * 2, "nothing is left", async || {
        unfinished(&moto).await == 0 && installation.database.ask(noted).await == 0
    })
    .await;
    wait_until(SOON * 2, "the run completes", async || {
        let run = installation.caller.get(&run).await.expect(200);
        text(&run, "status") == "COMPLETED"
    })
    .await;
    wait_until(SOON, "its own upload is over", async || {
        unfinished(&moto).await == 0 && installation.database.ask(noted).await == 0
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_worker_left_in_a_folder_is_taken_away_though_its_export_was_erased() {
    let logs = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let installation = Installation::builder("abandoned-local", logs.path())
        .variable("RAIL_EXPORT_DIR", &folder.path().display().to_string())
        .start()
        .await;
    put_in(&installation.caller, "{\"id\":1}\n".to_owned()).await;
    let body = export_to(&json!({ "type": "LOCAL", "path": "out" }));
    let export = installation
        .caller
        .post("/exports", &body)
        .await
        .expect(201);
    let export = text(&export, "exportId");
    let hidden = || {
        files_below(folder.path())
            .into_iter()
            .filter(|name| name.ends_with(".part"))
    };
    abandon(&installation, export, async || hidden().count() > 0).await;

    let path = format!("/exports/{export}");
    assert_eq!(installation.caller.delete(&path).await.status, 204);
    let _worker = installation.start_worker();

    wait_until(SOON * 2, "nothing is left", async || {
        let noted = "SELECT count(*) FROM unfinished_uploads";
        hidden().count() == 0 && installation.database.ask(noted).await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_living_attempt_writes_is_left_alone_and_what_is_abandoned_is_given_out_once() {
    let rail = Rail::builder().workers(0).start().await;
    put_in(&rail.caller, "{\"id\":1}\n".to_owned()).await;
    let to = json!({ "type": "LOCAL", "path": "out" });
    let export = rail
        .caller
        .post("/exports", &export_to(&to))
        .await
        .expect(201);
    let path = format!("/exports/{}/run", text(&export, "exportId"));
    let run = rail.caller.post(&path, &Value::Null).await.expect(202);
    let sql = "SELECT tenant_id FROM jobs";
    let tenant: uuid::Uuid = rail
        .database
        .ask(sql)
        .await
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let writer = Writer {
        tenant_id: tenant.into(),
        run_id: text(&run, "runId").parse().unwrap(),
        fence: 1,
    };
    let store = rail.database.store();
    let mut conn = store.connect().await.unwrap();
    unfinished_uploads::note(&mut conn, writer, &to, "a.csv", "token")
        .await
        .unwrap();

    // A lease that has run out may still be lengthened.
    let running = "UPDATE jobs SET state = 'RUNNING', fence = 1, lease_owner = 'x', lease_until = now() - interval '1 h'";
    rail.database.run(running).await;
    assert_eq!(
        unfinished_uploads::take_abandoned(&mut conn, 9)
            .await
            .unwrap(),
        []
    );

    rail.database.run("UPDATE jobs SET fence = 2").await;
    let taken = unfinished_uploads::take_abandoned(&mut conn, 9)
        .await
        .unwrap();
    assert_eq!(
        (taken.len(), taken[0].writer, taken[0].tries),
        (1, writer, 1)
    );
    assert_eq!(
        unfinished_uploads::take_abandoned(&mut conn, 9)
            .await
            .unwrap(),
        []
    );
    rail.database
        .run("UPDATE unfinished_uploads SET due_at = now()")
        .await;
    let again = unfinished_uploads::take_abandoned(&mut conn, 9)
        .await
        .unwrap();
    assert_eq!(again[0].tries, 2);
    unfinished_uploads::forget(&mut conn, writer, "a.csv", "token")
        .await
        .unwrap();
    assert_eq!(
        rail.database
            .ask("SELECT count(*) FROM unfinished_uploads")
            .await,
        0
    );
}
