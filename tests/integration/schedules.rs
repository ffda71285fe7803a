//! Connections that sync by themselves: when, how often, and when not.

use rail_shared::store::sync_schedules;
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

const DUE: &str = "UPDATE connections SET next_sync_at = now()";
const SYNCS: &str = "SELECT count(*) FROM syncs";

/// A connection that syncs by itself; its path.
async fn automatic(rail: &Rail, interval: &str) -> String {
    let body = json!({"connectorId": "stripe", "name": "Auto", "credentials": {"apiKey": "${IOF_CONNECTOR_API_KEY}"},
                      "config": {"syncInterval": interval, "autoSync": true}});
    let made = rail.caller.post("/connections", &body).await.expect(201);
    assert!(made["schedule"]["nextSyncAt"].is_string(), "{made}");
    format!("/connections/{}", text(&made, "connectionId"))
}

/// In how many seconds the only connection syncs next, by Postgres' clock.
async fn wait_s(rail: &Rail) -> f64 {
    let sql = "SELECT extract(epoch FROM next_sync_at - now()) FROM connections";
    let wait = rail.database.ask(sql).await;
    wait.as_f64().unwrap_or_else(|| panic!("no time: {wait}"))
}

/// So long, up to a tenth longer, and some seconds in which this test was run.
fn about(wait_s: f64, wanted_s: f64) -> bool {
    (wanted_s - 30.0..=wanted_s * 1.1).contains(&wait_s)
}

async fn patch(rail: &Rail, path: &str, body: &Value) -> Value {
    rail.caller.patch(path, body).await.expect(200)
}

/// Every request fails, and trying again would not help.
fn forbid(rail: &Rail) {
    let forbidden = Fault::Status { status: 403 };
    rail.sandbox.faults().add(Rule::new(forbidden).always());
}

async fn failures(rail: &Rail, path: &str, count: i64) -> Value {
    let connection = rail
        .until(path, |connection| {
            connection["schedule"]["consecutiveFailures"] == count
        })
        .await;
    connection["schedule"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sync_is_due_an_interval_after_the_connection_was_made() {
    let rail = Rail::builder().workers(0).start().await;
    automatic(&rail, "30d").await;
    let wait = wait_s(&rail).await;
    assert!(about(wait, 30.0 * 86_400.0), "{wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_interval_takes_effect_at_once() {
    let rail = Rail::builder().workers(0).start().await;
    let path = automatic(&rail, "1h").await;
    let interval = |interval: &str| json!({"config": {"syncInterval": interval}});

    patch(&rail, &path, &interval("15m")).await;
    let shorter = wait_s(&rail).await;
    assert!(about(shorter, 900.0), "{shorter}");

    let renamed = patch(&rail, &path, &json!({"name": "Another"})).await;
    let seen = rail.caller.get(&path).await.expect(200);
    assert_eq!(seen["schedule"], renamed["schedule"]);
    assert!((wait_s(&rail).await - shorter).abs() < 30.0, "as it was");

    patch(&rail, &path, &interval("1d")).await;
    let longer = wait_s(&rail).await;
    assert!(about(longer, 86_400.0), "{longer}");

    rail.database
        .run("UPDATE connections SET next_sync_at = now() + interval '1 minute'")
        .await;
    patch(&rail, &path, &interval("12h")).await;
    assert!(wait_s(&rail).await <= 60.0, "nothing is put off by it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_syncs_by_itself_only_while_it_is_switched_on() {
    let rail = Rail::builder().workers(0).start().await;
    let path = automatic(&rail, "1h").await;
    rail.database.run(DUE).await;

    let off = patch(&rail, &path, &json!({"config": {"autoSync": false}})).await;

    assert_eq!(off["schedule"]["nextSyncAt"], Value::Null);
    let mut conn = rail.database.store().connect().await.unwrap();
    let due = sync_schedules::claim_due(&mut conn, 10).await.unwrap();
    assert_eq!(due, []);
    patch(&rail, &path, &json!({"config": {"autoSync": true}})).await;
    let wait = wait_s(&rail).await;
    assert!(about(wait, 3_600.0), "{wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_connection_is_claimed_once_and_nobody_waits_for_whoever_claims_it() {
    let rail = Rail::builder().workers(0).start().await;
    automatic(&rail, "1h").await;
    rail.database.run(DUE).await;
    let store = rail.database.unhurried();
    let (mut one, mut other) = (store.begin().await.unwrap(), store.begin().await.unwrap());

    let claimed = sync_schedules::claim_due(&mut one, 10).await.unwrap();
    let meanwhile = sync_schedules::claim_due(&mut other, 10).await.unwrap();
    one.commit().await.unwrap();
    let afterwards = sync_schedules::claim_due(&mut other, 10).await.unwrap();

    assert_eq!(
        (claimed.len(), meanwhile.len(), afterwards.len()),
        (1, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_due_connections_sync_once_each_however_many_workers_look() {
    let rail = Rail::builder().customers(2).workers(3).start().await;
    for _ in 0..8 {
        automatic(&rail, "1h").await;
    }
    rail.database.run(DUE).await;

    let all = "SELECT bool_and(last_sync_at IS NOT NULL AND next_sync_at > now()) FROM connections";
    wait_until(SOON * 2, "all to have synced", async || {
        rail.database.ask(all).await == true
    })
    .await;

    let once = "SELECT count(DISTINCT connection_id) = 8 AND count(*) = 8 AND bool_and(trigger = 'SCHEDULE') FROM syncs";
    assert_eq!(rail.database.ask(once).await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_sync_is_active_when_it_is_due_is_passed_over() {
    let rail = Rail::builder().customers(2).start().await;
    let path = automatic(&rail, "1h").await;
    let slow = Fault::Slow { delay_ms: 60_000 };
    rail.sandbox.faults().add(Rule::new(slow).always());
    let asked = rail
        .caller
        .post(&format!("{path}/sync"), &Value::Null)
        .await
        .expect(202);
    assert_eq!(asked["trigger"], "REQUEST");

    rail.database.run(DUE).await;

    let passed = "SELECT next_sync_at > now() + interval '59 minutes' FROM connections";
    wait_until(SOON, "it to be passed over", async || {
        rail.database.ask(passed).await == true
    })
    .await;
    assert_eq!(rail.database.ask(SYNCS).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_connection_waits_and_what_it_missed_is_not_made_up_for() {
    let rail = Rail::builder().customers(2).start().await;
    let paused = automatic(&rail, "10m").await;
    let other = automatic(&rail, "1h").await;
    let still = rail
        .caller
        .post(&format!("{paused}/pause"), &Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (text(&still, "status"), &still["schedule"]["nextSyncAt"]),
        ("PAUSED", &Value::Null)
    );
    let long_due = "UPDATE connections SET next_sync_at = now() - CASE status WHEN 'PAUSED' THEN interval '1 hour' ELSE interval '0' END";
    rail.database.run(long_due).await;

    rail.until(&other, |connection| connection["lastSyncAt"].is_string())
        .await;
    assert_eq!(
        rail.database.ask(SYNCS).await,
        1,
        "the other was due later and has synced"
    );

    let again = rail
        .caller
        .post(&format!("{paused}/resume"), &Value::Null)
        .await
        .expect(200);
    assert_eq!(text(&again, "status"), "ACTIVE");
    rail.until(&paused, |connection| connection["lastSyncAt"].is_string())
        .await;
    // There was another round since, as the other's second sync shows, and it passed this one by.
    rail.database
        .run("UPDATE connections SET next_sync_at = now(), last_sync_at = NULL WHERE sync_interval = '1h'")
        .await;
    rail.until(&other, |connection| connection["lastSyncAt"].is_string())
        .await;
    let of_paused = "SELECT count(*) FROM syncs JOIN connections c ON c.id = connection_id WHERE sync_interval = '10m'";
    assert_eq!(rail.database.ask(of_paused).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_fails_again_and_again_waits_longer_each_time_and_says_so() {
    let rail = Rail::builder().customers(2).start().await;
    let path = automatic(&rail, "1h").await;
    forbid(&rail);

    for (count, wanted_s) in [(1, 7_200.0), (2, 14_400.0), (3, 28_800.0)] {
        rail.database.run(DUE).await;
        let schedule = failures(&rail, &path, count).await;
        assert_eq!(schedule["backedOff"], true);
        let wait = wait_s(&rail).await;
        assert!(about(wait, wanted_s), "{count}: {wait}");
    }
    rail.database
        .run("UPDATE connections SET consecutive_failures = 60, next_sync_at = now()")
        .await;
    failures(&rail, &path, 61).await;
    let wait = wait_s(&rail).await;
    assert!(about(wait, 86_400.0), "a day at most: {wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_longer_than_a_day_is_not_shortened_by_failures() {
    let rail = Rail::builder().customers(2).start().await;
    let path = automatic(&rail, "7d").await;
    forbid(&rail);
    rail.database.run(DUE).await;
    failures(&rail, &path, 1).await;
    let wait = wait_s(&rail).await;
    assert!(about(wait, 7.0 * 86_400.0), "{wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_completes_on_request_brings_a_failing_connection_back_to_its_interval() {
    let rail = Rail::builder().customers(2).start().await;
    let path = automatic(&rail, "1h").await;
    let id = path.rsplit_once('/').unwrap().1;
    forbid(&rail);
    rail.database.run(DUE).await;
    failures(&rail, &path, 1).await;
    let asked = rail.sync(id, &json!({"entities": ["customers"]})).await;
    assert_eq!(asked["status"], "FAILED");
    let schedule = failures(&rail, &path, 1).await;
    assert_eq!(schedule["backedOff"], true, "only its own failures count");

    rail.sandbox.faults().clear();
    let well = rail.sync(id, &json!({"entities": ["customers"]})).await;

    assert_eq!(well["status"], "COMPLETED");
    let schedule = failures(&rail, &path, 0).await;
    assert_eq!(schedule["backedOff"], false);
    let wait = wait_s(&rail).await;
    assert!(wait <= 3_960.0, "{wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_settings_or_credentials_brings_a_failing_connection_back_to_its_interval() {
    let rail = Rail::builder().workers(0).start().await;
    let path = automatic(&rail, "1h").await;
    let key = json!({"credentials": {"apiKey": "${IOF_CONNECTOR_API_KEY}"}});
    for change in [json!({"config": {"syncInterval": "1h"}}), key] {
        rail.database
            .run("UPDATE connections SET consecutive_failures = 4, next_sync_at = now() + interval '16 hours'")
            .await;
        let seen = rail.caller.get(&path).await.expect(200);
        assert_eq!(seen["schedule"]["backedOff"], true);

        let changed = patch(&rail, &path, &change).await;

        assert_eq!(
            (
                &changed["schedule"]["consecutiveFailures"],
                &changed["schedule"]["backedOff"]
            ),
            (&json!(0), &json!(false))
        );
        let wait = wait_s(&rail).await;
        assert!(about(wait, 3_600.0), "{wait}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_in_error_syncs_by_itself_and_is_well_again_when_that_succeeds() {
    let rail = Rail::builder().customers(3).start().await;
    let path = automatic(&rail, "1h").await;

    let blip =
        "UPDATE connections SET status = 'ERROR', status_reason = 'away', next_sync_at = now()";
    rail.database.run(blip).await;

    let well = rail
        .until(&path, |connection| connection["status"] == "ACTIVE")
        .await;
    assert_eq!(
        (&well["statusReason"], well["lastSyncAt"].is_string()),
        (&Value::Null, true)
    );
}
