//! Schemathesis calls every operation of the live document, with what it allows and what it does not, and judges every
//! answer by it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rail_shared::domain::JobId;
use rail_tests::environment;
use rail_tests::harness::{Rail, send, text};
use rail_tests::sandbox::stripe::{Settings, WEBHOOK_SECRET};
use rail_tests::wait::wait_until;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Far more than it takes, so that a call which hangs ends the test rather than the patience of whoever waits for it.
const WITHIN: Duration = Duration::from_secs(1_200);
/// Things of each kind that may be deleted.
const SPARE: usize = 5;
/// A person comes back with a state that the rail gave out a moment ago, and with the vendor's code: nobody guesses these.
/// integration::oauth has both.
const NEVER_ACCEPTED: &str = "GET /api/v1/integrations/oauth/callback";
/// An answer that does not end; integration::events reads it.
const NEVER_ENDED: &str = "GET /api/v1/integrations/events/stream";
/// About half of what it makes: fewer mean that it was led astray.
const CASES_AT_LEAST: u64 = 1_300;

/// The ids that it is given, by the name of their list.
struct Ids(Vec<(&'static str, Vec<String>)>);

impl Ids {
    /// Things as somebody leaves them behind who used the product for a while.
    async fn of(rail: &Rail) -> Self {
        // One record cannot be stored, and stays so.
        let bad = rail.sandbox.stripe().ids("customers").remove(0);
        rail.sandbox.stripe().update("customers", &bad, |record| {
            record["description"] = json!("before\u{0}after");
        });
        let connection = rail.connect_stripe().await;
        let entities = ["customers", "invoices"];
        let sync = rail
            .sync(&connection, &json!({"entities": entities, "mode": "FULL"}))
            .await;
        assert_eq!(sync["status"], "COMPLETED", "{sync}");
        let taken = [
            snapshot(rail, &connection).await,
            snapshot(rail, &connection).await,
        ];
        let errors = format!("/connections/{connection}/errors");
        let errors = rail.caller.get(&errors).await.expect(200);
        let export = json!({
            "name": "All", "format": "CSV", "entities": entities, "destination": {"type": "LOCAL", "path": "all"}
        });
        let run = rail.export(&export).await;
        assert_eq!(run["status"], "COMPLETED", "{run}");

        let (mut connections, mut exports, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        let mut snapshots = Vec::new();
        // It stays: snapshots are gone with their connection.
        let of_snapshots = rail.connect_stripe().await;
        for _ in 0..SPARE {
            snapshots.push(snapshot(rail, &of_snapshots).await);
            connections.push(rail.connect_stripe().await);
            exports.push(made(rail, "/exports", &export, "exportId").await);
            let key = json!({"name": "Spare", "scopes": ["read"]});
            keys.push(made(rail, "/api-keys", &key, "keyId").await);
        }
        let events = rail.caller.get("/events").await.expect(200);
        let events = events.as_array().unwrap().iter();
        let events = events.map(|event| text(event, "eventId").to_owned());
        let (mut webhooks, nobody) = (Vec::new(), json!({"url": "http://127.0.0.1:9/hook"}));
        for _ in 0..=SPARE {
            webhooks.push(made(rail, "/webhooks", &nobody, "webhookId").await);
        }
        let (own, spare): (Vec<String>, Vec<String>) = (0..SPARE)
            .map(|number| (format!("C-{number}"), format!("S-{number}")))
            .unzip();
        let records: Vec<Value> = own
            .iter()
            .chain(&spare)
            .map(|id| json!({"id": id}))
            // One cannot be stored, and stays so.
            .chain([json!({"no": 1})])
            .collect();
        let put = rail.caller.request(Method::PUT, "/records/contracts");
        let _ = send(put.json(&records)).await.expect(200);
        let refused = rail.caller.get("/records/contracts/errors").await;
        let refused = refused.expect(200);
        let failed = failed_jobs(rail, text(&run, "exportId")).await;
        let (held_sync, held_run) = (held_sync(rail).await, held_run(rail, &export).await);
        Self(vec![
            ("own-records", own),
            ("spare-records", spare),
            ("failed-jobs", failed),
            ("told-connections", vec![told_connection(rail).await]),
            ("held-connections", vec![held_sync.0]),
            ("held-syncs", vec![held_sync.1]),
            ("held-exports", vec![held_run.0]),
            ("held-runs", vec![held_run.1]),
            ("waiting-connections", vec![waiting(rail).await]),
            ("connections", vec![connection]),
            (
                "record-errors",
                vec![text(&errors[0], "errorId").to_owned()],
            ),
            ("put-errors", vec![text(&refused[0], "errorId").to_owned()]),
            ("syncs", vec![text(&sync, "syncId").to_owned()]),
            ("snapshots", taken.to_vec()),
            ("exports", vec![text(&run, "exportId").to_owned()]),
            ("runs", vec![text(&run, "runId").to_owned()]),
            ("spare-connections", connections),
            ("spare-exports", exports),
            ("spare-snapshots", snapshots),
            ("snapshot-connections", vec![of_snapshots]),
            ("spare-keys", keys),
            ("events", events.collect()),
            ("webhooks", vec![webhooks.remove(0)]),
            ("spare-webhooks", webhooks),
        ])
    }

    fn write(&self, folder: &Path) {
        for (name, ids) in &self.0 {
            let lines: String = ids.iter().map(|id| format!("\"{id}\"\n")).collect();
            fs::write(folder.join(format!("{name}.dict")), lines).unwrap();
        }
    }

    fn kept(&self) -> impl Iterator<Item = &String> {
        let kept = self.0.iter().filter(|(name, _)| !name.starts_with("spare"));
        kept.flat_map(|(_, ids)| ids)
    }
}

/// A snapshot's id.
async fn snapshot(rail: &Rail, connection: &str) -> String {
    let asked = json!({"entities": ["customers", "invoices"], "mode": "SNAPSHOT"});
    let sync = rail.sync(connection, &asked).await;
    assert_eq!(sync["status"], "COMPLETED", "{sync}");
    text(&sync, "syncId").replace("sync_", "snap_")
}

/// Jobs that may be retried: runs that ended, as if they had failed.
async fn failed_jobs(rail: &Rail, export: &str) -> Vec<String> {
    let start = format!("/exports/{export}/run");
    let mut jobs = Vec::new();
    for _ in 0..SPARE {
        let run = rail.caller.post(&start, &Value::Null).await.expect(202);
        let run = text(&run, "runId").to_owned();
        rail.ended(&format!("/exports/{export}/runs/{run}")).await;
        rail.database
            .run(&format!(
                "UPDATE jobs SET state = 'FAILED' WHERE {}",
                is(&run)
            ))
            .await;
        jobs.push(run.replace("run_", "job_"));
    }
    jobs
}

/// A connection that can check webhooks: the hooks sign them.
async fn told_connection(rail: &Rail) -> String {
    let credentials =
        json!({"apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": WEBHOOK_SECRET});
    let connection = json!({"connectorId": "stripe", "name": "Told", "credentials": credentials});
    made(rail, "/connections", &connection, "connectionId").await
}

/// A connection that a person has to authorize. Nobody is asked for that.
async fn waiting(rail: &Rail) -> String {
    let app = json!({"clientId": "app", "clientSecret": "of the app"});
    let body = json!({"connectorId": "quickbooks", "name": "Books", "credentials": app});
    made(rail, "/connections", &body, "connectionId").await
}

/// A sync that never ends, and its connection: one that may be cancelled.
async fn held_sync(rail: &Rail) -> (String, String) {
    let connection = rail.connect_stripe().await;
    let sync = rail
        .sync(&connection, &json!({"entities": ["customers"]}))
        .await;
    let sync = text(&sync, "syncId").to_owned();
    hold(rail, &sync).await;
    (connection, sync)
}

/// The same of a run.
async fn held_run(rail: &Rail, export: &Value) -> (String, String) {
    let run = rail.export(export).await;
    let of = |name| text(&run, name).to_owned();
    hold(rail, &of("runId")).await;
    (of("exportId"), of("runId"))
}

async fn hold(rail: &Rail, id: &str) {
    let sql = "UPDATE jobs SET state = 'RUNNING', finished_at = NULL, lease_until = now() + interval '1 day' WHERE";
    rail.database.run(&format!("{sql} {}", is(id))).await;
}

/// The job of this sync or run, in SQL.
fn is(id: &str) -> String {
    let (_, number) = id.split_once('_').unwrap();
    let job: JobId = format!("{}{number}", JobId::PREFIX).parse().unwrap();
    format!("id = '{}'", job.uuid())
}

async fn made(rail: &Rail, path: &str, body: &Value, id: &str) -> String {
    let made = rail.caller.post(path, body).await.expect(201);
    text(&made, id).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_gets_an_answer_that_the_document_does_not_name() {
    let Some(python) = environment::variable("RAIL_TEST_PYTHON") else {
        println!(
            "skipped: RAIL_TEST_PYTHON does not name a Python that has tests/conformance/requirements.txt installed"
        );
        return;
    };
    let rail = Rail::builder()
        .sandbox(Settings::new(3).with("customers", 40).with("invoices", 60))
        // Exports to S3 end at once, on this machine.
        .variable("RAIL_S3_ENDPOINT", "http://127.0.0.1:9")
        .variable("RAIL_WEBHOOK_NETWORKS", "127.0.0.1")
        .start()
        .await;
    let ids = Ids::of(&rail).await;
    let own = json!({"name": "Schemathesis", "scopes": ["read", "write", "admin"]});
    let own = rail.caller.post("/api-keys", &own).await.expect(201);
    let kept: Vec<&str> = ids
        .kept()
        .map(String::as_str)
        .chain([text(&own, "keyId")])
        .collect();

    let folder = tempfile::tempdir().unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    fs::copy(
        sources.join("openapi.toml"),
        folder.path().join("schemathesis.toml"),
    )
    .unwrap();
    ids.write(folder.path());
    let mut command = Command::new(python);
    command
        .args(["-B", "-m", "schemathesis.cli", "run", "--no-color"])
        .arg(format!("{}/openapi.json", rail.url()))
        .current_dir(folder.path())
        .env("RAIL_FUZZ_KEY", text(&own, "key"))
        .env("RAIL_FUZZ_KEPT", kept.join(" "))
        .env("RAIL_FUZZ_WEBHOOK_SECRET", WEBHOOK_SECRET)
        .env("RAIL_FUZZ_HOOKS", sources.join("openapi_hooks.py"));
    let mut running = Running::start(&mut command, &folder.path().join("said"));
    let mut ended = None;
    wait_until(WITHIN, "the end of schemathesis", async || {
        ended = running.child.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert_eq!(ended.unwrap().code(), Some(0));

    let report = fs::read(folder.path().join("report.json")).unwrap();
    judge(
        &serde_json::from_slice(&report).unwrap(),
        &operations(&rail).await,
    );
}

/// The operations of the document as a report names them.
async fn operations(rail: &Rail) -> Vec<String> {
    let document = rail.caller.get("//openapi.json").await.body;
    let paths = document["paths"].as_object().unwrap().iter();
    let names = |(path, methods): (&String, &Value)| -> Vec<String> {
        let methods = methods.as_object().unwrap().keys();
        methods
            .map(|method| format!("{} {path}", method.to_uppercase()))
            .collect()
    };
    let all = paths.flat_map(names);
    all.filter(|name| name != NEVER_ENDED).collect()
}

/// Nothing was left out, and everything was not merely refused.
fn judge(report: &Value, operations: &[String]) {
    let cases = report["test_cases"]["generated"].as_u64().unwrap();
    println!(
        "{cases} calls of {} operations in {:.0} s, seed {}",
        operations.len(),
        report["running_time"].as_f64().unwrap(),
        report["seed"]
    );
    assert_eq!(
        report["operations"]["tested"],
        operations.len(),
        "{report:#}"
    );
    for phase in ["examples", "coverage", "fuzzing", "stateful"] {
        assert_eq!(
            report["phases"][phase]["status"], "success",
            "{phase}: {report:#}"
        );
    }
    for operation in operations.iter().filter(|name| *name != NEVER_ACCEPTED) {
        let phases = report["valid_rates"][operation].as_object();
        let accepted = phases
            .into_iter()
            .flat_map(Map::values)
            .filter_map(|rate| rate["accepted"].as_u64());
        assert!(
            accepted.sum::<u64>() > 0,
            "{operation} was never accepted: {report:#}"
        );
    }
    assert!(cases >= CASES_AT_LEAST, "{report:#}");
}

/// Schemathesis. It ends with the test, and what it said is shown where that fails.
struct Running {
    child: Child,
    said: PathBuf,
}

impl Running {
    fn start(command: &mut Command, said: &Path) -> Self {
        let output = fs::File::create(said).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("RAIL_TEST_PYTHON names a program");
        Self {
            child,
            said: said.to_owned(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{}", fs::read_to_string(&self.said).unwrap_or_default());
        }
    }
}
