//! The log of a sync: what it did, in order, bounded, and nothing secret in it.

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::stripe::DEFAULT_KEY;
use rail_tests::sandbox::{Fault, Rule};
use serde_json::{Value, json};

fn full() -> Value {
    json!({"entities": ["customers"], "mode": "FULL"})
}

/// The whole log, a few entries at a time; and the text of all answers.
async fn log(rail: &Rail, connection: &str, sync: &Value) -> (Vec<Value>, String) {
    let path = format!(
        "/connections/{connection}/sync/{}/log",
        text(sync, "syncId")
    );
    let (mut entries, mut told, mut cursor) = (Vec::new(), String::new(), String::new());
    loop {
        let answer = rail.caller.get(&format!("{path}?limit=2{cursor}")).await;
        told.push_str(&answer.text);
        let next = answer.body["page"]["nextCursor"].clone();
        entries.extend(answer.expect(200).as_array().unwrap().clone());
        match next.as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (entries, told),
        }
    }
}

fn kinds(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| text(entry, "kind")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_tells_what_was_read_waited_for_and_tried_again_and_no_secret() {
    let rail = Rail::builder().customers(2_500).start().await;
    let stripe = rail.connect_stripe().await;
    let fault = |fault, after| Rule::new(fault).on("/v1/customers").after(after).times(1);
    let limited = Fault::RateLimited {
        retry_after_s: Some(1),
    };
    rail.sandbox.faults().add(fault(limited, 12));
    rail.sandbox
        .faults()
        .add(fault(Fault::Status { status: 503 }, 20));

    let done = rail.sync(&stripe, &full()).await;

    assert_eq!(done["status"], "COMPLETED", "{done}");
    let (entries, told) = log(&rail, &stripe, &done).await;
    let without_commits: Vec<&str> = kinds(&entries)
        .into_iter()
        .filter(|kind| *kind != "committed")
        .collect();
    assert_eq!(
        without_commits,
        [
            "attempt-started",
            "waited",
            "attempt-started",
            "retried",
            "attempt-started",
            "completed"
        ]
    );
    let sum = |name: &str| -> i64 {
        let commits = entries.iter().filter(|entry| entry["kind"] == "committed");
        commits
            .map(|entry| entry["counts"][name].as_i64().unwrap())
            .sum()
    };
    assert_eq!(
        (sum("requests"), sum("fetched"), sum("created")),
        (25, 2_500, 2_500)
    );
    let waited = entries
        .iter()
        .find(|entry| entry["kind"] == "waited")
        .unwrap();
    assert!(
        text(waited, "message").contains("fewer requests"),
        "{waited}"
    );
    assert!(
        waited["milliseconds"].as_i64().unwrap() >= 1_000,
        "{waited}"
    );
    assert_eq!(entries[1]["entity"], "customers");
    assert!(entries[1]["milliseconds"].is_i64());
    for secret in [
        DEFAULT_KEY,
        "IOF_CONNECTOR",
        "Bearer",
        "starting_after",
        "limit=100",
    ] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_names_the_error_a_sync_failed_with_and_who_cancelled_it() {
    let rail = Rail::builder().customers(10).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sandbox
        .faults()
        .on("/v1/customers", 1, Fault::Status { status: 400 });
    let failed = rail.sync(&stripe, &full()).await;
    let (entries, _) = log(&rail, &stripe, &failed).await;
    assert_eq!(kinds(&entries), ["attempt-started", "failed"]);
    assert_eq!(entries[1]["message"], failed["error"]["message"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_cancelled_before_anybody_took_it_up_says_so() {
    let rail = Rail::builder().customers(10).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let sync = rail.caller.post(&path, &full()).await.expect(202);
    let cancel = format!("{path}/{}/cancel", text(&sync, "syncId"));
    assert_eq!(rail.caller.post(&cancel, &Value::Null).await.status, 202);
    let (entries, _) = log(&rail, &stripe, &sync).await;
    assert_eq!(kinds(&entries), ["cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_long_log_the_older_commits_become_one_entry_with_their_sums() {
    // One page, so one commit.
    let rail = Rail::builder().customers(100).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let sync = rail.caller.post(&path, &full()).await.expect(202);
    // As many commits as a few million records take.
    rail.database
        .run(
            "INSERT INTO sync_log (sync_id, seq, at, entity, requests, read_ms, fetched, created, updated, unchanged, deleted,
                                   errors, entries)
             SELECT id, seq, now() - interval '1 hour' + seq * interval '1 second', CASE seq WHEN 0 THEN '' ELSE 'customers' END,
                    10, 1, 1000, 1000, 0, 0, 0, 0, CASE seq WHEN 0 THEN 50 ELSE 1 END
             FROM syncs, generate_series(0, 999) AS seq",
        )
        .await;
    rail.start_worker();
    let done = rail
        .ended(&format!("{path}/{}", text(&sync, "syncId")))
        .await;
    assert_eq!(done["status"], "COMPLETED");

    let rows = "SELECT count(*) FROM sync_log";
    assert_eq!(rail.database.ask(rows).await, 901);
    let (entries, _) = log(&rail, &stripe, &done).await;
    assert_eq!(&kinds(&entries)[..2], ["left-out", "committed"]);
    assert!(
        text(&entries[0], "message").contains("150 commits"),
        "{}",
        entries[0]
    );
    assert_eq!(
        entries[0]["counts"]["fetched"], 101_000,
        "none is forgotten"
    );
    assert_eq!(
        kinds(&entries)[900..],
        ["attempt-started", "committed", "completed"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_belongs_to_its_tenant_and_takes_no_cursor_of_another_list() {
    let rail = Rail::builder().customers(1).start().await;
    let stripe = rail.connect_stripe().await;
    let done = rail.sync(&stripe, &full()).await;
    let path = format!("/connections/{stripe}/sync/{}/log", text(&done, "syncId"));
    let stranger = rail
        .caller_of("others", rail_shared::domain::Scope::ALL)
        .await;
    assert_eq!(stranger.get(&path).await.problem(404), "not-found");
    let answer = rail.caller.get(&format!("{path}?cursor=bm9uc2Vuc2U")).await;
    assert_eq!(answer.problem(422), "bad-cursor");
}
