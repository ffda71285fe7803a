//! What is exported, when and under which names; the bytes themselves are the conformance suite's business.

mod attempts;
mod changing;
mod filters;
mod naming;
mod old_runs;
mod schedules;
mod sources;

use std::fs;
use std::path::PathBuf;

use rail_tests::harness::{Caller, Rail, send, text};
use reqwest::Method;
use serde_json::{Value, json};

/// An export of JSON lines to a folder of its own.
fn lines_of(entities: &[&str]) -> Value {
    json!({
        "name": "Test", "format": "JSON", "entities": entities, "options": {"layout": "LINES"},
        "destination": {"type": "LOCAL", "path": "out"},
    })
}

async fn put(caller: &Caller, entity: &str, lines: &str) {
    let request = caller
        .request(Method::PUT, &format!("/records/{entity}"))
        .header("content-type", "application/x-ndjson")
        .body(lines.to_owned());
    let _ = send(request).await.expect(200);
}

/// Creates an export; where it is.
async fn created(rail: &Rail, body: &Value) -> String {
    let export = rail.caller.post("/exports", body).await.expect(201);
    format!("/exports/{}", text(&export, "exportId"))
}

/// Asks for something without a body; what is answered.
async fn asked(rail: &Rail, path: &str, status: u16) -> Value {
    rail.caller.post(path, &Value::Null).await.expect(status)
}

/// Runs an export to its end.
async fn run(rail: &Rail, export: &str) -> Value {
    let run = asked(rail, &format!("{export}/run"), 202).await;
    let done = rail
        .ended(&format!("{export}/runs/{}", text(&run, "runId")))
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    done
}

fn path_of(file: &Value) -> PathBuf {
    PathBuf::from(text(file, "path"))
}

/// The records in the first file of a run.
fn records(run: &Value) -> Vec<Value> {
    let written = fs::read_to_string(path_of(&run["files"][0])).unwrap();
    let line = |line: &str| serde_json::from_str(line).unwrap();
    written.lines().map(line).collect()
}
