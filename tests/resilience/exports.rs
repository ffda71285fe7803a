//! A worker dies at each step of an export: nothing that is visible is in part, and what another publishes in its place is
//! whole and of one view.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rail_tests::harness::{send, text};
use rail_tests::processes::{Installation, Signal};
use rail_tests::wait::{SOON, wait_until};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::settings::Settings;
use crate::tally::Tally;

/// Enough that a file is handed over in several pieces.
const RECORDS: usize = 4_000;
const ENTITIES: [&str; 2] = ["deals", "visits"];

/// Crashes the first worker of a run after each step that there is.
pub async fn run(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let installation = Installation::builder("export-steps", &settings.logs)
        .start()
        .await;
    for entity in ENTITIES {
        put(&installation, entity).await;
    }
    for step in 0.. {
        let Some(mut one) = crash(&installation, step).await else {
            break;
        };
        for wrong in &mut one.wrong {
            *wrong = format!("crashed at step {step}: {wrong}");
        }
        tally.add(one);
    }
    let runs = tally.runs;
    tally.notes.push(format!(
        "an export of two entities in {runs} steps, crashed after each"
    ));
    tally.demand(runs >= 8, || format!("only {runs} steps were found"));
    tally
}

async fn put(installation: &Installation, entity: &str) {
    let padding = "x".repeat(150);
    let line = |id: usize| format!("{{\"id\":\"{id}\",\"padding\":\"{padding}\"}}\n");
    let lines: String = (0..RECORDS).map(line).collect();
    let request = installation
        .caller
        .request(Method::PUT, &format!("/records/{entity}"))
        .header("content-type", "application/x-ndjson")
        .body(lines);
    let put = send(request).await.expect(200);
    assert_eq!(put["created"], RECORDS, "{put}");
}

/// One run, whose first worker dies at a step; `None` when it completed before it came to that step.
async fn crash(installation: &Installation, step: u64) -> Option<Tally> {
    let mut tally = Tally::default();
    let folder = installation.export_dir().join(format!("step-{step}"));
    let export = json!({
        "name": "Steps", "format": "CSV", "entities": ENTITIES,
        "destination": {"type": "LOCAL", "path": format!("step-{step}")},
    });
    let export = installation
        .caller
        .post("/exports", &export)
        .await
        .expect(201);
    let path = format!("/exports/{}", text(&export, "exportId"));
    let mut doomed = installation.start_worker_with(&[("RAIL_CRASH_AT_STEP", &step.to_string())]);
    let start = format!("{path}/run");
    let run = installation.caller.post(&start, &Value::Null);
    let run = run.await.expect(202);
    let path = format!("{path}/runs/{}", text(&run, "runId"));
    wait_until(
        SOON * 2,
        "the worker dies or the run completes",
        async || {
            doomed.status().is_some() || is_over(&installation.caller.get(&path).await.expect(200))
        },
    )
    .await;
    if doomed.status().is_none() {
        doomed.signal(Signal::Stop);
    }
    if doomed.ended(SOON * 2).await.success() {
        return None;
    }
    tally.runs += 1;
    for file in visible(&folder) {
        tally.demand(is_whole(&file), || {
            format!("{} is visible in part", file.display())
        });
    }
    let since = Instant::now();
    let _worker = installation.start_worker();
    let mut done = Value::Null;
    wait_until(SOON * 4, "the run ends", async || {
        done = installation.caller.get(&path).await.expect(200);
        is_over(&done)
    })
    .await;
    tally.recoveries.push(since.elapsed());
    tally.demand(done["status"] == "COMPLETED", || {
        format!("it ended as {done}")
    });
    let files = done["files"].as_array().cloned().unwrap_or_default();
    tally.demand(files.len() == ENTITIES.len(), || format!("it left {done}"));
    for file in &files {
        let content = fs::read(text(file, "path")).unwrap_or_default();
        let digest = format!("{:x}", Sha256::digest(&content));
        let lines = content.iter().filter(|byte| **byte == b'\n').count();
        tally.demand(
            file["sha256"] == digest.as_str() && lines == RECORDS + 1,
            || format!("{file} has {lines} lines and the digest {digest}"),
        );
    }
    let manifests: BTreeSet<PathBuf> = visible(&folder)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|ending| ending == "json"))
        .collect();
    tally.demand(
        manifests.contains(Path::new(done["manifest"].as_str().unwrap_or_default())),
        || format!("no manifest is at {}", done["manifest"]),
    );
    Some(tally)
}

fn is_over(run: &Value) -> bool {
    !matches!(run["status"].as_str(), Some("QUEUED" | "RUNNING"))
}

/// The files of a folder that are not hidden.
fn visible(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_hidden = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with('.')
    };
    entries
        .map(|entry| entry.path())
        .filter(|file| !is_hidden(file))
        .collect()
}

/// Whether a file holds all that it is to hold.
fn is_whole(file: &Path) -> bool {
    let content = fs::read_to_string(file).unwrap_or_default();
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => content.lines().count() == RECORDS + 1 && content.ends_with("\r\n"),
        _ => serde_json::from_str::<Value>(&content).is_ok(),
    }
}
