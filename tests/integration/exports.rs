//! An export, end to end: what was synced, as files that are whole or not there.

use std::collections::BTreeMap;
use std::fs;

use rail_tests::far;
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::stripe::Settings;
use serde_json::{Value, json};

fn to_local(entities: &[&str]) -> Value {
    json!({"name": "Test", "format": "CSV", "entities": entities, "destination": {"type": "LOCAL", "path": "out"}})
}

/// The rows of a CSV text by their `id`, each a map from column to cell.
fn rows(csv: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    reader
        .records()
        .map(|row| {
            let row = row.unwrap();
            let cells: BTreeMap<String, String> = header
                .iter()
                .map(str::to_owned)
                .zip(row.iter().map(str::to_owned))
                .collect();
            (cells["id"].clone(), cells)
        })
        .collect()
}

async fn synced(settings: Settings, entities: &[&str]) -> (Rail, String) {
    let rail = Rail::builder().sandbox(settings).start().await;
    let stripe = rail.connect_stripe().await;
    let done = rail
        .sync(&stripe, &json!({"entities": entities, "mode": "FULL"}))
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    (rail, stripe)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_a_row_and_every_field_is_as_the_vendor_sent_it() {
    let (rail, _) = synced(Settings::new(11).with("customers", 700), &["customers"]).await;

    let run = rail.export(&to_local(&["customers"])).await;

    assert_eq!(
        (&run["status"], &run["rows"]),
        (&json!("COMPLETED"), &json!(700)),
        "{run}"
    );
    let file = &run["files"][0];
    let bytes = fs::read(
        rail.export_dir()
            .join("out")
            .join(text(file, "path").rsplit('/').next().unwrap()),
    )
    .unwrap();
    assert_eq!(file["bytes"], bytes.len());
    assert_eq!(file["sha256"], sha256(&bytes));
    let rows = rows(std::str::from_utf8(&bytes).unwrap());
    assert_eq!(rows.len(), 700);
    for (id, cells) in &rows {
        let sent = rail.sandbox.stripe().record("customers", id).unwrap();
        for (column, cell) in cells {
            let expected = match &sent[column] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                nested @ (Value::Object(_) | Value::Array(_)) => {
                    assert_eq!(
                        &serde_json::from_str::<Value>(cell).unwrap(),
                        nested,
                        "{id} {column}"
                    );
                    continue;
                }
                scalar => scalar.to_string(),
            };
            assert_eq!(cell, &expected, "{id} {column}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_file_is_downloaded_byte_for_byte_and_an_unfinished_one_is_not_there() {
    let (rail, _) = synced(Settings::new(11).with("customers", 50), &["customers"]).await;
    let export = rail
        .caller
        .post("/exports", &to_local(&["customers"]))
        .await
        .expect(201);
    let path = format!("/exports/{}", text(&export, "exportId"));
    let run = rail
        .caller
        .post(&format!("{path}/run"), &Value::Null)
        .await
        .expect(202);
    let run_path = format!("{path}/runs/{}", text(&run, "runId"));
    let done = rail.ended(&run_path).await;

    let file = rail
        .caller
        .get(&format!("{run_path}/files/customers"))
        .await;
    assert_eq!(file.status, 200);
    assert_eq!(sha256(file.text.as_bytes()), done["files"][0]["sha256"]);
    assert!(file.header("content-disposition").contains(".csv"));
    assert_eq!(
        rail.caller
            .get(&format!("{run_path}/files/invoices"))
            .await
            .problem(404),
        "not-found"
    );

    rail.database
        .run("UPDATE jobs SET state = 'FAILED' WHERE kind = 'export'")
        .await;
    assert_eq!(
        rail.caller
            .get(&format!("{run_path}/files/customers"))
            .await
            .status,
        404
    );
    let listed = rail.caller.get(&format!("{path}/runs")).await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_takes_what_it_says_and_nothing_else() {
    let (rail, _) = synced(
        Settings::new(5).with("invoices", 300).with("customers", 20),
        &["invoices"],
    )
    .await;
    let stripe = rail.sandbox.stripe();
    let invoices: Vec<Value> = stripe
        .ids("invoices")
        .iter()
        .filter_map(|id| stripe.record("invoices", id))
        .collect();
    let amount = |invoice: &Value| invoice["amount_due"].as_i64().unwrap_or_default();
    let middle = {
        let mut amounts: Vec<i64> = invoices.iter().map(amount).collect();
        amounts.sort_unstable();
        amounts[150]
    };
    type Expected = Box<dyn Fn(&Value) -> bool>;
    let cases: Vec<(Value, Expected)> = vec![
        (
            json!({"status": "paid"}),
            Box::new(|i: &Value| i["status"] == "paid"),
        ),
        (
            json!({"amount_due": {"gt": middle}}),
            Box::new(move |i: &Value| amount(i) > middle),
        ),
        (
            json!({"status": {"in": ["open", "draft"]}}),
            Box::new(|i: &Value| i["status"] == "open" || i["status"] == "draft"),
        ),
        (
            json!({"not": {"status": "paid"}}),
            Box::new(|i: &Value| i["status"] != "paid"),
        ),
        (
            json!({"createdAt": {"gte": "2025-06-01"}, "status": "paid"}),
            Box::new(|i: &Value| {
                i["created"].as_i64() >= Some(1_748_736_000) && i["status"] == "paid"
            }),
        ),
        (
            json!({"created": {"lt": "2025-03-01"}}),
            Box::new(|i: &Value| i["created"].as_i64() < Some(1_740_787_200)),
        ),
        (
            json!({"status": "x' OR '1'='1"}),
            Box::new(|_: &Value| false),
        ),
    ];
    for (filter, expected) in cases {
        let mut body = to_local(&["invoices"]);
        body["filter"] = filter.clone();
        let run = rail.export(&body).await;
        assert_eq!(run["status"], "COMPLETED", "{filter}: {run}");
        assert_eq!(
            run["rows"],
            invoices.iter().filter(|invoice| expected(invoice)).count(),
            "{filter}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_entity_is_a_file_and_deleted_records_are_left_out() {
    let (rail, stripe) = synced(
        Settings::new(5).with_business(30),
        &["customers", "products"],
    )
    .await;
    let ids = rail.sandbox.stripe().ids("customers");
    rail.sandbox.stripe().delete("customers", &ids[0]);
    rail.sync(&stripe, &json!({"entities": ["customers"]}))
        .await;

    let run = rail.export(&to_local(&["customers", "products"])).await;

    let files = run["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!(
        (text(&files[0], "entity"), files[0]["rows"].as_u64()),
        ("customers", Some(29))
    );
    assert_eq!(text(&files[1], "entity"), "products");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_does_not_take_files_fails_the_run_and_says_what_to_do() {
    let (rail, _) = synced(Settings::new(5).with("customers", 5), &["customers"]).await;
    fs::write(
        rail.export_dir().join("out"),
        "a file where a folder should be",
    )
    .unwrap();

    let run = rail.export(&to_local(&["customers"])).await;

    assert_eq!(run["status"], "FAILED", "{run}");
    assert_eq!(run["error"]["origin"], "DESTINATION");
    assert!(text(&run["error"], "message").len() > 20);
    assert_eq!(run["files"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_export_takes_its_runs_and_their_jobs_with_it() {
    let rail = Rail::builder().workers(0).start().await;
    let export = rail
        .caller
        .post("/exports", &to_local(&["customers"]))
        .await
        .expect(201);
    let path = format!("/exports/{}", text(&export, "exportId"));
    let _ = rail
        .caller
        .post(&format!("{path}/run"), &Value::Null)
        .await
        .expect(202);
    assert_eq!(rail.database.ask("SELECT count(*) FROM jobs").await, 1);

    assert_eq!(rail.caller.delete(&path).await.status, 204);

    let left = "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM export_runs)";
    assert_eq!(rail.database.ask(left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_export_runs_once_when_due_and_knows_its_next_time() {
    let (rail, _) = synced(Settings::new(5).with("customers", 5), &["customers"]).await;
    rail.start_worker();
    let mut body = to_local(&["customers"]);
    let day = far::day_of_month();
    body["schedule"] = json!({"frequency": "MONTHLY", "day": day, "time": "02:00"});
    let export = rail.caller.post("/exports", &body).await.expect(201);
    let path = format!("/exports/{}", text(&export, "exportId"));
    let next = format!("-{day:02}T02:00:00Z");
    assert!(text(&export, "nextRunAt").ends_with(&next), "{export}");

    rail.database
        .run("UPDATE exports SET next_run_at = now()")
        .await;

    rail.until(&path, |export| export["lastRunAt"].is_string())
        .await;
    let runs = rail.caller.get(&format!("{path}/runs")).await.expect(200);
    assert_eq!(runs.as_array().unwrap().len(), 1);
    let after = rail.caller.get(&path).await.expect(200);
    assert_eq!(after["nextRunAt"], export["nextRunAt"]);
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    format!("{:x}", Sha256::digest(bytes))
}
