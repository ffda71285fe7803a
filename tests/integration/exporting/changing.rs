//! Changing an export, and trying a run again.

use rail_tests::far;
use rail_tests::harness::{Rail, send, text};
use reqwest::Method;
use serde_json::{Value, json};

use super::{asked, created, lines_of, put, records, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_replaces_what_it_names_and_nothing_else() {
    let rail = Rail::builder().start().await;
    put(
        &rail.caller,
        "deals",
        "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n",
    )
    .await;
    let mut body = lines_of(&["deals"]);
    body["schedule"] = json!({"frequency": "DAILY", "time": far::time_of_day()});
    let export = created(&rail, &body).await;
    let filter = rail.caller.request(Method::PATCH, &export);
    let filter = filter.header("content-type", "application/json");
    let filter = send(filter.body(r#"{"filter": {"n": 1.00000000000000000001}}"#));
    let before = filter.await.expect(200);

    let changed = json!({"name": "Other", "options": {"layout": "LINES", "fields": ["n"]}});
    let changed = rail.caller.patch(&export, &changed).await;
    let etag = changed.header("etag").to_owned();
    let changed = changed.expect(200);
    assert_eq!(changed["name"], "Other");
    for name in [
        "filter",
        "schedule",
        "nextRunAt",
        "destination",
        "createdAt",
    ] {
        assert_eq!(changed[name], before[name], "{name}");
    }
    let raw = rail.caller.get(&export).await.text;
    assert!(raw.contains("1.00000000000000000001"), "{raw}");

    let removed =
        json!({"filter": null, "schedule": {"frequency": "HOURLY", "time": far::time_of_hour()}});
    let removed = rail.caller.patch(&export, &removed).await.expect(200);
    assert_eq!(removed["filter"], Value::Null);
    assert_ne!(removed["nextRunAt"], before["nextRunAt"]);
    assert_eq!(
        records(&run(&rail, &export).await),
        [json!({"n": 1}), json!({"n": 2})]
    );

    let done = run(&rail, &export).await;
    let moved = json!({"destination": {"type": "LOCAL", "path": "elsewhere"}});
    let _ = rail.caller.patch(&export, &moved).await.expect(200);
    let file = format!("{export}/runs/{}/files/deals", text(&done, "runId"));
    let file = rail.caller.get(&file).await;
    let kind = file.header("content-type");
    assert_eq!((file.status, kind), (200, "application/x-ndjson"));

    let stale = rail
        .caller
        .request(Method::PATCH, &export)
        .header("if-match", etag);
    let stale = send(stale.json(&json!({"name": "Late"}))).await;
    assert_eq!(stale.problem(412), "changed-meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_change_names_every_fault_and_changes_nothing() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let export = created(&rail, &lines_of(&["deals"])).await;
    let before = rail.caller.get(&export).await.text;
    for (change, faults) in [
        (
            json!({"name": null, "format": "CSV", "entities": ["unicorns"], "colour": 1}),
            vec![
                "/colour unknown-field",
                "/entities/0 unknown-entity",
                "/name missing",
                "/options/layout option-of-another-format",
            ],
        ),
        (json!([1]), vec![" wrong-type"]),
        (
            json!({"schedule": {"frequency": "DAILY", "missedRuns": "ALL"}}),
            vec!["/schedule/missedRuns unknown-rule"],
        ),
    ] {
        let refused = rail.caller.patch(&export, &change).await;
        assert_eq!(refused.status, 422, "{change}");
        let mut found = refused.faults();
        found.sort();
        assert_eq!(found, faults, "{change}");
    }
    assert_eq!(rail.caller.get(&export).await.text, before);
    let nowhere = "/exports/exp_00000000000000000000000007";
    let nothing = rail.caller.patch(nowhere, &json!({})).await;
    assert_eq!(nothing.problem(404), "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_run_that_did_not_succeed_is_tried_again() {
    let rail = Rail::builder().start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    std::fs::write(
        rail.export_dir().join("out"),
        "a file where a folder should be",
    )
    .unwrap();
    let export = created(&rail, &lines_of(&["deals"])).await;
    let run = asked(&rail, &format!("{export}/run"), 202).await;
    let failed = rail
        .ended(&format!("{export}/runs/{}", text(&run, "runId")))
        .await;
    assert_eq!(failed["status"], "FAILED", "{failed}");
    std::fs::remove_file(rail.export_dir().join("out")).unwrap();

    let retry = format!("{export}/runs/{}/retry", text(&failed, "runId"));
    let again = asked(&rail, &retry, 202).await;
    let done = rail
        .ended(&format!("{export}/runs/{}", text(&again, "runId")))
        .await;
    assert_eq!(
        (&done["status"], &done["rows"]),
        (&json!("COMPLETED"), &json!(1)),
        "{done}"
    );
    let retry = format!("{export}/runs/{}/retry", text(&done, "runId"));
    assert_eq!(
        rail.caller.post(&retry, &Value::Null).await.problem(409),
        "not-failed"
    );
}
