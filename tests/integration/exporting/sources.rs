//! Current records, those of a snapshot, or what changed.

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::stripe::Settings;
use serde_json::{Value, json};

use super::{asked, created, lines_of, put, records, run};

fn ids(records: &[Value]) -> Vec<(&str, bool)> {
    let id = |record: &'_ Value| record["_deleted"] == json!(true);
    records
        .iter()
        .map(|record| (text(record, "id"), id(record)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incremental_run_writes_what_changed_since_the_last_that_completed() {
    let rail = Rail::builder().start().await;
    put(
        &rail.caller,
        "deals",
        "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1}\n{\"id\":\"c\",\"n\":1}\n",
    )
    .await;
    put(&rail.caller, "deals", "{\"id\":\"gone\"}\n").await;
    let gone = rail.caller.delete("/records/deals/record?externalId=gone");
    assert_eq!(gone.await.status, 204);
    let mut body = lines_of(&["deals"]);
    body["incremental"] = true.into();
    let export = created(&rail, &body).await;

    let first = run(&rail, &export).await;
    assert_eq!(
        ids(&records(&first)),
        [("a", false), ("b", false), ("c", false)]
    );
    let nothing = run(&rail, &export).await;
    assert_eq!((&nothing["rows"], records(&nothing).len()), (&json!(0), 0));

    put(
        &rail.caller,
        "deals",
        "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n{\"id\":\"d\",\"n\":1}\n",
    )
    .await;
    let gone = rail.caller.delete("/records/deals/record?externalId=c");
    assert_eq!(gone.await.status, 204);
    let changed = run(&rail, &export).await;
    assert_eq!(
        ids(&records(&changed)),
        [("b", false), ("c", true), ("d", false)],
        "what was put in as it was is no change"
    );

    // What a run that failed wrote does not count.
    put(&rail.caller, "deals", "{\"id\":\"a\",\"n\":3}\n").await;
    rail.database
        .run("UPDATE jobs SET state = 'FAILED' WHERE id = (SELECT max(id::text)::uuid FROM export_runs)")
        .await;
    let again = run(&rail, &export).await;
    assert_eq!(
        ids(&records(&again)),
        [("a", false), ("b", false), ("c", true), ("d", false)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_written_as_it_was_made() {
    let settings = Settings::new(3).with("customers", 40).with("products", 3);
    let rail = Rail::builder().sandbox(settings).start().await;
    let stripe = rail.connect_stripe().await;
    let made = rail
        .sync(
            &stripe,
            &json!({"entities": ["customers"], "mode": "SNAPSHOT"}),
        )
        .await;
    assert_eq!(made["status"], "COMPLETED", "{made}");
    let listed = format!("/connections/{stripe}/snapshots");
    let listed = rail.caller.get(&listed).await.expect(200);
    let snapshot = listed[0]["snapshotId"].clone();
    let ids = rail.sandbox.stripe().ids("customers");
    rail.sandbox.stripe().delete("customers", &ids[0]);
    rail.sync(&stripe, &json!({"entities": ["customers"], "mode": "FULL"}))
        .await;

    let mut body = lines_of(&["customers"]);
    body["snapshotId"] = snapshot.clone();
    let export = created(&rail, &body).await;
    let dry = asked(&rail, &format!("{export}/dry-run"), 200).await;
    assert_eq!(
        dry,
        json!({"rows": 40, "files": [{"entity": "customers", "rows": 40}]})
    );
    let done = run(&rail, &export).await;
    assert_eq!(done["rows"], 40, "{done}");
    let mut written: Vec<String> = records(&done)
        .iter()
        .map(|record| text(record, "id").to_owned())
        .collect();
    let mut before = ids.clone();
    written.sort();
    before.sort();
    assert_eq!(written, before);

    body["filter"] = json!({"id": ids[0]});
    let filtered = created(&rail, &body).await;
    assert_eq!(run(&rail, &filtered).await["rows"], 1);

    body["entities"] = json!(["customers", "products"]);
    body["incremental"] = true.into();
    let refused = rail.caller.post("/exports", &body).await;
    assert_eq!(refused.problem(422), "invalid-input");
    assert_eq!(
        refused.faults(),
        [
            "/entities/1 not-in-snapshot",
            "/incremental not-with-snapshot"
        ]
    );

    let path = format!(
        "/connections/{stripe}/snapshots/{}",
        snapshot.as_str().unwrap()
    );
    assert_eq!(rail.caller.delete(&path).await.status, 204);
    let failed = asked(&rail, &format!("{export}/run"), 202).await;
    let failed = rail
        .ended(&format!("{export}/runs/{}", text(&failed, "runId")))
        .await;
    assert_eq!(
        (&failed["status"], &failed["error"]["origin"]),
        (&json!("FAILED"), &json!("CONFIGURATION")),
        "{failed}"
    );
    let unknown = rail.caller.post("/exports", &body).await;
    assert!(
        unknown
            .faults()
            .contains(&"/snapshotId unknown-snapshot".to_owned()),
        "{:?}",
        unknown.faults()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_writes_nothing() {
    let rail = Rail::builder().start().await;
    put(
        &rail.caller,
        "deals",
        "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n",
    )
    .await;
    let mut body = lines_of(&["deals"]);
    body["filter"] = json!({"n": {"gt": 1}});
    let export = created(&rail, &body).await;
    let dry = asked(&rail, &format!("{export}/dry-run"), 200).await;
    assert_eq!(
        dry,
        json!({"rows": 1, "files": [{"entity": "deals", "rows": 1}]})
    );
    let runs = rail.caller.get(&format!("{export}/runs")).await.expect(200);
    assert_eq!(runs, json!([]));
    assert!(!rail.export_dir().join("out").exists());
}
