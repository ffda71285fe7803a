//! Snapshots: whole or not there, never changing, storing nothing twice, comparable, and gone when they are deleted.

mod comparing;
mod deleting;
mod keeping;
mod making;

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

fn asked(mode: &str) -> Value {
    json!({"entities": ["customers"], "mode": mode})
}

/// Makes a snapshot; returns its path.
async fn snapshot(rail: &Rail, connection: &str) -> String {
    let done = rail.sync(connection, &asked("SNAPSHOT")).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    path_of(connection, &done)
}

/// Where the snapshot of a sync is, once it is there.
fn path_of(connection: &str, sync: &Value) -> String {
    let id = text(sync, "syncId").replace("sync_", "snap_");
    format!("/connections/{connection}/snapshots/{id}")
}

/// All items of a list, read in pages of 40.
async fn all(rail: &Rail, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = rail.caller.get(&format!("{path}?limit=40{cursor}")).await;
        let next = answer.body["page"]["nextCursor"].clone();
        items.extend(answer.expect(200).as_array().unwrap().clone());
        match next.as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

async fn records(rail: &Rail, snapshot: &str) -> Vec<Value> {
    all(rail, &format!("{snapshot}/records/customers")).await
}

async fn customers(rail: &Rail, snapshot: &str) -> Value {
    rail.caller.get(snapshot).await.expect(200)["entities"]["customers"].clone()
}

/// Versions that are stored beside the current records.
async fn versions(rail: &Rail) -> u64 {
    let count = rail
        .database
        .ask("SELECT count(*) FROM record_versions")
        .await;
    count.as_u64().unwrap()
}

/// Waits until upkeep has removed all of every snapshot.
async fn nothing_is_left(rail: &Rail) {
    let left = "SELECT (SELECT count(*) FROM snapshots) + (SELECT count(*) FROM snapshot_parts)
                     + (SELECT count(*) FROM snapshot_records) + (SELECT count(*) FROM record_versions)
                     + (SELECT count(*) FROM streams WHERE has_snapshots)";
    wait_until(SOON, "nothing is left of snapshots", async || {
        rail.database.ask(left).await == 0
    })
    .await;
}

fn rename(rail: &Rail, ids: &[String], name: &str) {
    for id in ids {
        rail.sandbox.stripe().update("customers", id, |customer| {
            customer["name"] = json!(name);
        });
    }
}

/// The digest of records as the document says.
async fn digest(rail: &Rail, records: &[Value]) -> Value {
    let lines: String = records
        .iter()
        .map(|record| {
            let (id, fingerprint) = (text(record, "externalId"), text(record, "fingerprint"));
            format!("{}:{id}:{fingerprint}\n", id.len())
        })
        .collect();
    rail.database
        .ask(&format!(
            "SELECT encode(sha256(convert_to('{lines}', 'UTF8')), 'hex')"
        ))
        .await
}

/// Lets the vendor keep a walk waiting after its second page.
fn stall_after_two_pages(rail: &Rail) {
    let slow = Fault::Slow { delay_ms: 60_000 };
    rail.sandbox
        .faults()
        .add(Rule::new(slow).on("/v1/customers").after(2));
}

/// Begins a snapshot, and waits until a part of it is committed; returns the path of the sync, and of the snapshot.
async fn begun(rail: &Rail, connection: &str) -> (String, String) {
    let syncs = format!("/connections/{connection}/sync");
    let accepted = rail
        .caller
        .post(&syncs, &asked("SNAPSHOT"))
        .await
        .expect(202);
    let sync = format!("{syncs}/{}", text(&accepted, "syncId"));
    rail.until(&sync, |sync| sync["progress"]["recordsFetched"] == 200)
        .await;
    (sync, path_of(connection, &accepted))
}
