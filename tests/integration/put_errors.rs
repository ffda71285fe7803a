//! What was put in and could not be stored: listed, with its bytes, until it is well.

use rail_shared::domain::Scope;
use rail_tests::harness::{Answer, Caller, Rail, send, text};
use reqwest::Method;
use serde_json::{Value, json};

async fn put(caller: &Caller, body: impl Into<String>) -> Value {
    let request = caller.request(Method::PUT, "/records/own_deals");
    let request = request.header("content-type", "application/x-ndjson");
    send(request.body(body.into())).await.expect(200)
}

/// The open errors, all of them, page by page.
async fn open(caller: &Caller) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/records/own_deals/errors?limit=150{cursor}");
        let answer = caller.get(&path).await;
        let next = answer.body["page"]["nextCursor"].clone();
        rows.extend(answer.expect(200).as_array().unwrap().clone());
        match next.as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

async fn payload(caller: &Caller, error: &Value) -> Answer {
    let path = text(&error["payload"], "path");
    caller
        .get(path.strip_prefix("/api/v1/integrations").unwrap())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_that_could_not_be_stored_is_listed_with_its_bytes() {
    let rail = Rail::builder().workers(0).start().await;
    let bad: String = (0..2_150).map(|n| format!("{{\"no\":{n}}}\n")).collect();

    let done = put(&rail.caller, bad).await;

    assert_eq!(done["errors"], 2_150);
    assert_eq!(done["recordErrors"].as_array().unwrap().len(), 100);
    let listed = open(&rail.caller).await;
    assert_eq!(listed.len(), 2_150, "each of them");
    let first = listed.last().unwrap();
    assert_eq!(
        (&first["code"], &first["entity"], &first["externalId"]),
        (&json!("no-id"), &json!("own_deals"), &Value::Null)
    );
    let mut kept = Vec::new();
    for error in &listed[..3] {
        kept.push(payload(&rail.caller, error).await.body["no"].clone());
    }
    assert!(kept.iter().all(Value::is_number), "{kept:?}");

    let stranger = rail.caller_of("others", Scope::ALL).await;
    let theirs = stranger.get("/records/own_deals/errors").await;
    assert_eq!(theirs.problem(404), "not-found");
    assert_eq!(payload(&stranger, first).await.problem(404), "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_version_that_can_be_stored_resolves_the_error_and_an_earlier_one_does_not() {
    let rail = Rail::builder().workers(0).start().await;
    let bad = "{\"id\":\"a\",\"text\":\"\\u0000\"}\n";
    let good = "{\"id\":\"a\",\"text\":\"well\"}\n";
    let bad_ids = async || {
        let listed = open(&rail.caller).await;
        let ids = listed
            .iter()
            .map(|error| text(error, "externalId").to_owned());
        ids.collect::<Vec<_>>()
    };

    put(&rail.caller, bad).await;
    put(&rail.caller, bad).await;
    let listed = open(&rail.caller).await;
    assert_eq!(listed.len(), 1, "one record is one error");
    assert_eq!(listed[0]["attempts"], 2);
    put(&rail.caller, good).await;
    assert_eq!(bad_ids().await, [""; 0]);

    put(&rail.caller, format!("{bad}{good}")).await;
    assert_eq!(bad_ids().await, [""; 0], "what came last is stored");
    put(&rail.caller, format!("{good}{bad}")).await;
    assert_eq!(bad_ids().await, ["a"], "what came last is not");

    let record = "/records/own_deals/record?externalId=a";
    assert_eq!(rail.caller.delete(record).await.status, 204);
    assert_eq!(bad_ids().await, [""; 0], "it is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_record_that_is_too_large_the_first_bytes_are_kept() {
    let rail = Rail::builder().workers(0).start().await;
    let large = |name| format!("{{\"{name}\":\"{}\"}}\n", "x".repeat(4 * 1024 * 1024));

    let done = put(&rail.caller, large("a") + &large("b")).await;

    assert_eq!(done["errors"], 2);
    let listed = open(&rail.caller).await;
    assert_eq!(listed.len(), 2, "they are told apart");
    for error in &listed {
        assert_eq!(error["code"], "too-large");
        let answer = payload(&rail.caller, error).await;
        assert_eq!(answer.header("payload-truncated"), "true");
        assert_eq!(answer.text.len(), 64 * 1024);
    }
}
