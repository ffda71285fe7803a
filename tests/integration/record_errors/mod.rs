//! Records that cannot be stored: neither fatal nor silent, one error however often they come, and gone once they are well.

mod retry;

use std::collections::BTreeSet;

use rail_shared::domain::Scope;
use rail_tests::draw::Draw;
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

fn of(mode: &str, entities: &[&str]) -> Value {
    json!({"entities": entities, "mode": mode})
}

/// Makes a record one that Postgres cannot hold.
fn spoil(rail: &Rail, entity: &str, id: &str) {
    rail.sandbox.stripe().update(entity, id, |record| {
        record["description"] = json!("before\u{0}after");
    });
}

/// Makes it well again.
fn mend(rail: &Rail, entity: &str, id: &str) {
    rail.sandbox.stripe().update(entity, id, |record| {
        record["description"] = json!("well");
    });
}

fn errors_counted(sync: &Value, entity: &str) -> i64 {
    sync["stats"][entity]["errors"].as_i64().unwrap()
}

async fn errors_of(rail: &Rail, connection: &str, sync: &Value) -> Vec<Value> {
    let id = text(sync, "syncId");
    all(
        rail,
        &format!("/connections/{connection}/sync/{id}/errors?limit=7"),
    )
    .await
}

async fn open_errors(rail: &Rail, connection: &str) -> Vec<Value> {
    all(rail, &format!("/connections/{connection}/errors?limit=7")).await
}

/// Every row of a list, page by page.
async fn all(rail: &Rail, path: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = rail.caller.get(&format!("{path}{cursor}")).await;
        let next = answer.body["page"]["nextCursor"].clone();
        rows.extend(answer.expect(200).as_array().unwrap().clone());
        match next.as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_is_one_error_however_often_it_comes_and_every_sync_that_meets_it_counts_it() {
    let rail = Rail::builder().customers(120).start().await;
    let stripe = rail.connect_stripe().await;
    let ids = rail.sandbox.stripe().ids("customers");
    spoil(&rail, "customers", &ids[5]);
    spoil(&rail, "customers", &ids[50]);

    let first = rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let second = rail.sync(&stripe, &of("FULL", &["customers"])).await;

    for sync in [&first, &second] {
        assert_eq!(sync["status"], "COMPLETED", "{sync}");
        assert_eq!(errors_counted(sync, "customers"), 2);
        assert_eq!(sync["stats"]["customers"]["fetched"], 120);
    }
    let listed = errors_of(&rail, &stripe, &first).await;
    assert_eq!(listed, errors_of(&rail, &stripe, &second).await);
    assert_eq!(listed, open_errors(&rail, &stripe).await);
    for error in &listed {
        assert!(ids.contains(&text(error, "externalId").to_owned()));
        assert_eq!(
            (
                &error["code"],
                &error["status"],
                &error["attempts"],
                &error["resolvedAt"]
            ),
            (
                &json!("nul-character"),
                &json!("open"),
                &json!(2),
                &Value::Null
            )
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_gives_the_bytes_as_the_vendor_sent_them_to_its_tenant_only() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = rail.connect_stripe().await;
    let ids = rail.sandbox.stripe().ids("customers");
    spoil(&rail, "customers", &ids[0]);
    rail.sandbox
        .stripe()
        .update("customers", &ids[1], |record| {
            record["description"] = json!(format!("\u{0}{}", "x".repeat(100_000)));
        });
    let sync = rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let listed = errors_of(&rail, &stripe, &sync).await;
    let of_record = |id: &str| {
        let found = listed.iter().find(|error| error["externalId"] == *id);
        found.unwrap()["payload"].clone()
    };
    let path = |payload: &Value| {
        let path = text(payload, "path");
        path.strip_prefix("/api/v1/integrations")
            .unwrap()
            .to_owned()
    };
    let (whole, cut) = (of_record(&ids[0]), of_record(&ids[1]));

    let answer = rail.caller.get(&path(&whole)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("payload-truncated"), "false");
    assert_eq!(
        Some(answer.body),
        rail.sandbox.stripe().record("customers", &ids[0])
    );
    assert_eq!(
        (&cut["bytes"], &cut["truncated"]),
        (&json!(65_536), &json!(true))
    );
    let answer = rail.caller.get(&path(&cut)).await;
    assert_eq!(
        (answer.text.len(), answer.header("payload-truncated")),
        (65_536, "true")
    );

    let stranger = rail.caller_of("others", Scope::ALL).await;
    assert_eq!(stranger.get(&path(&whole)).await.problem(404), "not-found");
    let error = path(&whole).replace("/payload", "");
    assert_eq!(stranger.get(&error).await.problem(404), "not-found");
    let retry = stranger.post(&format!("{error}/retry"), &Value::Null).await;
    assert_eq!(retry.problem(404), "not-found");
    assert_eq!(rail.caller.get(&error).await.expect(200)["payload"], whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_that_can_be_stored_resolves_no_error_of_a_newer_one() {
    let rail = Rail::builder().customers(5).start().await;
    let stripe = rail.connect_stripe().await;
    let id = rail.sandbox.stripe().ids("customers")[2].clone();
    rail.sync(&stripe, &of("INCREMENTAL", &["customers"])).await;
    rail.sandbox.stripe().clock().advance(60);
    mend(&rail, "customers", &id);
    rail.sandbox.stripe().clock().advance(60);
    spoil(&rail, "customers", &id);

    let met = rail.sync(&stripe, &of("INCREMENTAL", &["customers"])).await;
    assert_eq!(met["stats"]["customers"]["updated"], 1, "{met}");
    assert_eq!(open_errors(&rail, &stripe).await.len(), 1);

    rail.sandbox.stripe().clock().advance(60);
    rail.sandbox.stripe().update("customers", &id, |record| {
        record["description"] = json!("well again");
    });
    let mended = rail.sync(&stripe, &of("INCREMENTAL", &["customers"])).await;
    assert_eq!(
        errors_counted(&mended, "customers"),
        0,
        "the bad version is history: {mended}"
    );
    assert!(open_errors(&rail, &stripe).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_walk_resolves_what_it_does_not_meet_any_more() {
    let rail = Rail::builder().customers(120).start().await;
    let stripe = rail.connect_stripe().await;
    let faults = rail.sandbox.faults();
    faults.on("/v1/customers", 1, Fault::RecordWithoutId);
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let error = open_errors(&rail, &stripe).await.remove(0);
    assert_eq!(error["externalId"], Value::Null);
    // It reads the feed, which is no complete walk.
    rail.sync(&stripe, &of("INCREMENTAL", &["customers"])).await;
    assert_eq!(open_errors(&rail, &stripe).await, [error]);
    // Of what the vendor dates by the second, only what came before is told apart.
    rail.database
        .run("UPDATE record_errors SET as_of = as_of - interval '1 second'")
        .await;

    let done = rail.sync(&stripe, &of("FULL", &["customers"])).await;

    assert_eq!(done["stats"]["customers"]["fetched"], 120, "{done}");
    assert!(open_errors(&rail, &stripe).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_fails_when_more_than_the_allowed_part_of_an_entity_cannot_be_stored() {
    let rail = Rail::builder().customers(120).start().await;
    let stripe = rail.connect_stripe().await;
    for id in &rail.sandbox.stripe().ids("customers")[..13] {
        spoil(&rail, "customers", id);
    }
    let config = json!({"config": {"maxErrorRate": 0.1}});
    let path = format!("/connections/{stripe}");
    assert_eq!(rail.caller.patch(&path, &config).await.status, 200);
    let mut body = of("INCREMENTAL", &["customers"]);

    let failed = rail.sync(&stripe, &body).await;

    assert_eq!(failed["status"], "FAILED", "{failed}");
    assert_eq!(failed["error"]["kind"], "too-many-record-errors");
    let message = text(&failed["error"], "message");
    assert!(message.contains("13 of 120 customers"), "{message}");
    assert_eq!(
        rail.database.ask("SELECT count(*) FROM records").await,
        107,
        "what could be stored stays"
    );
    assert_eq!(errors_of(&rail, &stripe, &failed).await.len(), 13);

    rail.sandbox.requests().clear();
    body["maxErrorRate"] = json!(0.2);
    let done = rail.sync(&stripe, &body).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(
        rail.sandbox.requests().count("/v1/customers"),
        2,
        "the list is read again: a failed sync moves no checkpoint"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_kept_for_a_month_and_the_error_for_good() {
    let rail = Rail::builder().customers(5).start().await;
    let stripe = rail.connect_stripe().await;
    spoil(
        &rail,
        "customers",
        &rail.sandbox.stripe().ids("customers")[0],
    );
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let error = open_errors(&rail, &stripe).await.remove(0);
    let path = format!("/connections/{stripe}/errors/{}", text(&error, "errorId"));
    rail.database
        .run("UPDATE record_errors SET last_seen_at = now() - interval '31 days'")
        .await;

    wait_until(SOON, "upkeep empties it", async || {
        rail.caller.get(&path).await.expect(200)["payload"].is_null()
    })
    .await;
    assert_eq!(
        rail.caller
            .get(&format!("{path}/payload"))
            .await
            .problem(404),
        "not-found"
    );
    let listed = open_errors(&rail, &stripe).await;
    assert_eq!(listed[0]["errorId"], error["errorId"]);
}

/// Whatever comes and goes: each sync lists what it counts, and after a sync that reads everything the open errors are
/// the records that are bad.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_sync_counts_is_what_it_lists_whatever_happens() {
    let rail = Rail::builder().customers(230).start().await;
    let stripe = rail.connect_stripe().await;
    let mut draw = Draw::new(20_261_125, 0, 0);
    let mut syncs = Vec::new();
    for round in 0..12 {
        let ids = rail.sandbox.stripe().ids("customers");
        for _ in 0..draw.below(8) {
            // Few of them, so that they change again and again.
            let id = &ids[draw.below(9) as usize];
            match draw.below(3) {
                0 => mend(&rail, "customers", id),
                _ => spoil(&rail, "customers", id),
            }
        }
        let is_bad = |id: &String| {
            let record = rail.sandbox.stripe().record("customers", id).unwrap();
            record["description"]
                .as_str()
                .is_some_and(|text| text.contains('\0'))
        };
        let bad: BTreeSet<String> = ids.into_iter().filter(is_bad).collect();
        let mode = draw.pick(&["FULL", "INCREMENTAL"]);
        let sync = rail.sync(&stripe, &of(mode, &["customers"])).await;
        assert_eq!(sync["status"], "COMPLETED", "{sync}");
        syncs.push(sync);
        let open: BTreeSet<String> = open_errors(&rail, &stripe)
            .await
            .iter()
            .map(|error| text(error, "externalId").to_owned())
            .collect();
        assert_eq!(open, bad, "{mode} in round {round}");
        for sync in &syncs {
            let listed = errors_of(&rail, &stripe, sync).await.len();
            assert_eq!(
                errors_counted(sync, "customers"),
                listed as i64,
                "in round {round}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_too_many_records_are_bad_does_not_depend_on_when_a_worker_stopped() {
    let rail = Rail::builder().customers(120).workers(0).start().await;
    let first = rail.start_worker();
    let stripe = rail.connect_stripe().await;
    let faults = rail.sandbox.faults();
    faults.on("/v1/customers", 1, Fault::NulInString);
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let error = open_errors(&rail, &stripe).await.remove(0);
    let ids = rail.sandbox.stripe().ids("customers");
    let others = ids.iter().filter(|id| **id != error["externalId"]);
    for id in others.take(30) {
        mend(&rail, "customers", id);
    }
    // The walk meets no error; the record that failed before fails again, by itself.
    let refused = Fault::Status { status: 400 };
    faults.add(Rule::new(refused).on("/v1/customers/*").always());
    let slow = Fault::Slow { delay_ms: 60_000 };
    faults.add(Rule::new(slow).on("/v1/invoices"));
    let mut body = of("INCREMENTAL", &["customers", "invoices"]);
    body["maxErrorRate"] = json!(0);
    let syncs = format!("/connections/{stripe}/sync");
    let sync = rail.caller.post(&syncs, &body).await.expect(202);
    let sync = format!("{syncs}/{}", text(&sync, "syncId"));

    rail.until(&sync, |sync| sync["progress"]["entitiesCompleted"] == 1)
        .await;
    first.stop();
    first.ended().await;
    rail.start_worker();

    let done = rail.ended(&sync).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(errors_counted(&done, "customers"), 1, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retrying_single_records_is_no_sync_of_the_connection() {
    let rail = Rail::builder().customers(20).start().await;
    let stripe = rail.connect_stripe().await;
    spoil(
        &rail,
        "customers",
        &rail.sandbox.stripe().ids("customers")[0],
    );
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    rail.database
        .run("UPDATE connections SET consecutive_failures = 3, last_sync_at = '2026-01-02T03:04:05Z'")
        .await;
    let path = format!("/connections/{stripe}");
    let stand = async || {
        let connection = rail.caller.get(&path).await.expect(200);
        let failures = connection["schedule"]["consecutiveFailures"].clone();
        (connection["lastSyncAt"].clone(), failures)
    };

    let retried = retry::retry(&rail, &format!("{path}/errors/retry")).await;

    assert_eq!(retried["status"], "COMPLETED", "{retried}");
    assert_eq!(
        stand().await,
        (json!("2026-01-02T03:04:05Z"), json!(3)),
        "as before"
    );
    rail.sync(&stripe, &of("FULL", &["customers"])).await;
    let (at, failures) = stand().await;
    assert_ne!(at, json!("2026-01-02T03:04:05Z"));
    assert_eq!(failures, 0);
}
