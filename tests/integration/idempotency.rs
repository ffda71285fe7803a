//! Requests with an Idempotency-Key: repeated, they do nothing again and get the same answer.

use std::collections::BTreeSet;

use rail_shared::domain::Scope;
use rail_shared::store::idempotency_keys::{self, Taken};
use rail_tests::harness::{Answer, Caller, Rail, send, text};
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const SYNC: &str = r#"{"entities": ["customers"], "mode": "FULL"}"#;

fn connection() -> Value {
    json!({"connectorId": "stripe", "name": "Once", "credentials": {"apiKey": "${IOF_CONNECTOR_API_KEY}"}})
}

fn export() -> Value {
    json!({
        "name": "All", "format": "CSV", "entities": ["customers"], "destination": {"type": "LOCAL", "path": "all"}
    })
}

fn replayed(answer: &Answer) -> bool {
    match answer.header("idempotent-replayed") {
        "" => false,
        "true" => true,
        other => panic!("{other}"),
    }
}

/// All that a caller sees of an answer and that may be expected again.
fn seen(answer: &Answer) -> (u16, &str, &str, &str, &str) {
    (
        answer.status,
        answer.header("content-type"),
        answer.header("location"),
        answer.header("etag"),
        &answer.text,
    )
}

async fn post_text(caller: &Caller, path: &str, body: &'static str, key: &str) -> Answer {
    let request = caller
        .request(Method::POST, path)
        .header("Idempotency-Key", key)
        .header("Content-Type", "application/json");
    send(request.body(body)).await
}

/// The answers to so many requests that are sent at once.
async fn at_once<F>(requests: impl IntoIterator<Item = F>) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    requests
        .into_iter()
        .collect::<JoinSet<_>>()
        .join_all()
        .await
}

async fn count(rail: &Rail, table: &str) -> Value {
    rail.database
        .ask(&format!("SELECT count(*) FROM {table}"))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_that_makes_something_makes_it_once() {
    let rail = Rail::builder().customers(3).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let made = rail.caller.post("/exports", &export()).await.expect(201);
    let sync = format!("/connections/{stripe}/sync");
    let run = format!("/exports/{}/run", text(&made, "exportId"));
    let key = json!({"name": "Spare", "scopes": ["read"]});
    for (path, body, status, table) in [
        ("/connections", connection(), 201, "connections"),
        ("/exports", export(), 201, "exports"),
        ("/api-keys", key, 201, "api_keys"),
        (&run, Value::Null, 202, "export_runs"),
        (&sync, serde_json::from_str(SYNC).unwrap(), 202, "syncs"),
    ] {
        let before = count(&rail, table).await.as_i64().unwrap();

        let first = rail.caller.post_once(path, &body, path).await;
        let second = rail.caller.post_once(path, &body, path).await;

        assert_eq!(first.status, status, "{path}: {}", first.text);
        assert!(!first.header("location").is_empty(), "{path}");
        assert_eq!(seen(&second), seen(&first), "{path}");
        assert_eq!((replayed(&first), replayed(&second)), (false, true));
        assert_eq!(count(&rail, table).await, before + 1, "{path}");
    }
    assert_eq!(count(&rail, "idempotency_keys").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_request_is_refused_and_changes_nothing() {
    let rail = Rail::builder().customers(3).workers(0).start().await;
    let (stripe, other) = (rail.connect_stripe().await, rail.connect_stripe().await);
    let path = format!("/connections/{stripe}/sync");
    let first = post_text(&rail.caller, &path, SYNC, "k 1").await;
    assert_eq!(first.status, 202, "{}", first.text);

    // The same for whoever reads it.
    let spaced = "{\"mode\":\"FULL\",\n\t\"entities\":[\"customers\"]}";
    let again = post_text(&rail.caller, &path, spaced, "k 1").await;
    assert_eq!(seen(&again), seen(&first));

    let elsewhere = format!("/connections/{other}/sync");
    let attached = format!("{path}?ifRunning=attach");
    for (path, body) in [
        (
            &path,
            r#"{"entities": ["customers"], "mode": "INCREMENTAL"}"#,
        ),
        (&path, r#"{"entities": ["invoices"], "mode": "FULL"}"#),
        (&path, ""),
        (&attached, SYNC),
        (&elsewhere, SYNC),
        (&"/exports".to_owned(), SYNC),
    ] {
        let refused = post_text(&rail.caller, path, body, "k 1").await;
        assert_eq!(refused.problem(422), "idempotency-key-reused", "{path}");
    }
    assert_eq!(count(&rail, "jobs").await, 1);

    // Keys are a tenant's own.
    let stranger = rail.caller_of("another", Scope::ALL).await;
    let theirs = stranger.post_once("/exports", &export(), "k 1").await;
    assert_eq!((theirs.status, replayed(&theirs)), (201, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_kept() {
    let rail = Rail::builder().customers(3).workers(0).start().await;
    let path = format!("/connections/{}/sync", rail.connect_stripe().await);
    let ask = async || post_text(&rail.caller, &path, SYNC, "k").await;
    rail.database
        .run("UPDATE connections SET status = 'PAUSED'")
        .await;
    assert_eq!(ask().await.problem(409), "connection-not-active");

    rail.database
        .run("UPDATE connections SET status = 'ACTIVE'")
        .await;
    let active = rail.caller.post(&path, &Value::Null).await.expect(202);
    assert_eq!(ask().await.problem(409), "sync-already-active");
    assert_eq!(count(&rail, "idempotency_keys").await, 0);

    let ended = format!("{path}/{}/cancel", text(&active, "syncId"));
    let _ = rail.caller.post(&ended, &Value::Null).await.expect(202);
    let accepted = ask().await;
    assert_eq!((accepted.status, replayed(&accepted)), (202, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_given_again_whatever_became_of_the_thing_and_of_the_api_that_gave_it() {
    let rail = Rail::builder().customers(3).workers(0).start().await;
    let first = rail
        .caller
        .post_once("/connections", &connection(), "k")
        .await;
    let id = text(&first.body["data"], "connectionId").to_owned();
    rail.sandbox
        .faults()
        .add(Rule::new(Fault::Status { status: 401 }).always());
    let gone = rail.caller.delete(&format!("/connections/{id}")).await;
    assert_eq!(gone.status, 204);

    let another = rail.start_api().await;
    let again = another.post_once("/connections", &connection(), "k").await;

    assert_eq!(seen(&again), seen(&first));
    assert!(replayed(&again));
    assert_eq!(count(&rail, "connections").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_was_attached_to_is_the_answer_from_then_on() {
    let rail = Rail::builder().customers(3).workers(0).start().await;
    let path = format!("/connections/{}/sync", rail.connect_stripe().await);
    let active = rail.caller.post(&path, &Value::Null).await.expect(202);
    let attach = format!("{path}?ifRunning=attach");
    let first = post_text(&rail.caller, &attach, SYNC, "k").await;
    assert_eq!(first.body["data"]["syncId"], active["syncId"]);

    let ended = format!("{path}/{}/cancel", text(&active, "syncId"));
    let _ = rail.caller.post(&ended, &Value::Null).await.expect(202);
    let again = post_text(&rail.caller, &attach, SYNC, "k").await;

    assert_eq!((first.status, replayed(&first)), (202, false));
    assert_eq!(seen(&again), seen(&first));
    assert_eq!(count(&rail, "jobs").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_at_two_apis_make_one_sync_and_get_one_answer() {
    // So many connections to Postgres that nobody waits so long for one that it is refused.
    let rail = Rail::builder()
        .customers(3)
        .workers(0)
        .variable("RAIL_DB_CONNECTIONS", "64")
        .start()
        .await;
    let path = format!("/connections/{}/sync", rail.connect_stripe().await);
    let callers = [rail.caller.clone(), rail.start_api().await];

    let answers = at_once((0..200).map(|turn| {
        let (caller, path) = (callers[turn % 2].clone(), path.clone());
        async move { post_text(&caller, &path, SYNC, "k").await }
    }))
    .await;

    let different: BTreeSet<_> = answers.iter().map(seen).collect();
    assert_eq!(different.len(), 1, "{different:?}");
    assert_eq!(answers[0].status, 202, "{}", answers[0].text);
    let first = answers.iter().filter(|answer| !replayed(answer));
    assert_eq!(first.count(), 1);
    assert_eq!(count(&rail, "jobs").await, 1);
    let audited = "audit_log WHERE action = 'sync.start'";
    assert_eq!(count(&rail, audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_waits_for_the_vendor_the_same_request_asks_nobody_and_others_are_answered() {
    // Two connections to Postgres: whoever waited on one would be in the way.
    let rail = Rail::builder()
        .customers(3)
        .workers(0)
        .variable("RAIL_DB_CONNECTIONS", "2")
        .start()
        .await;
    rail.sandbox.faults().add(Rule::new(Fault::Held).always());

    let same = (0..50).map(|_| {
        let caller = rail.caller.clone();
        async move { caller.post_once("/connections", &connection(), "k").await }
    });
    let other = async {
        wait_until(SOON, "a question to the vendor", async || {
            !rail.sandbox.requests().all().is_empty()
        })
        .await;
        let answer = rail.caller.get("/connections").await;
        let made_by_then = count(&rail, "connections").await;
        rail.sandbox.faults().release();
        (answer, made_by_then)
    };
    let (answers, (listed, made_by_then)) = tokio::join!(at_once(same), other);

    assert_eq!((listed.expect(200), made_by_then), (json!([]), json!(0)));
    let different: BTreeSet<_> = answers.iter().map(seen).collect();
    assert_eq!(different.len(), 1, "{different:?}");
    assert_eq!(answers[0].status, 201, "{}", answers[0].text);
    assert_eq!(count(&rail, "connections").await, 1);
    let for_fifty = rail.sandbox.requests().all().len();
    rail.sandbox.faults().clear();
    rail.sandbox.requests().clear();
    rail.connect_stripe().await;
    assert_eq!(rail.sandbox.requests().all().len(), for_fifty);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_another_process_has_begun_waits_for_its_end() {
    let rail = Rail::builder().workers(0).start().await;
    let store = rail.database.unhurried();
    let tenant = rail.database.ask("SELECT id FROM tenants").await;
    let tenant = tenant.as_str().unwrap().parse::<uuid::Uuid>().unwrap();
    let mut elsewhere = store.begin().await.unwrap();
    let taken = idempotency_keys::take(&mut elsewhere, tenant.into(), "k").await;
    assert_eq!(taken.unwrap(), Taken::Now);

    let body = export();
    let asking = rail.caller.post_once("/exports", &body, "k");
    let crash = async {
        wait_until(SOON, "a request that waits", async || {
            rail.database.at_locks().await == 1
        })
        .await;
        assert_eq!(count(&rail, "exports").await, 0);
        drop(elsewhere);
    };
    let (answer, ()) = tokio::join!(asking, crash);

    assert_eq!((answer.status, replayed(&answer)), (201, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hung_up_asks_again_and_one_thing_is_made() {
    let rail = Rail::builder().workers(0).start().await;
    let slow = Rule::new(Fault::Slow { delay_ms: 300 });
    rail.sandbox.faults().add(slow.times(1));
    let caller = rail.caller.clone();
    let impatient = tokio::spawn(async move {
        caller.post_once("/connections", &connection(), "k").await;
    });
    wait_until(SOON, "a question to the vendor", async || {
        !rail.sandbox.requests().all().is_empty()
    })
    .await;
    impatient.abort();

    let again = rail
        .caller
        .post_once("/connections", &connection(), "k")
        .await;

    assert_eq!(again.status, 201, "{}", again.text);
    assert_eq!(count(&rail, "connections").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_to_this_api_is_shown_again_and_kept_nowhere_in_clear() {
    let rail = Rail::builder().workers(0).start().await;
    let body = json!({"name": "Spare", "scopes": ["read"]});

    let first = rail.caller.post_once("/api-keys", &body, "k").await;
    let again = rail.caller.post_once("/api-keys", &body, "k").await;

    let secret = text(&first.body["data"], "key");
    assert_eq!(seen(&again), seen(&first));
    let mine = rail.caller.with_key(secret);
    assert_eq!(mine.get("/connectors").await.status, 200);
    let clear = format!(
        "SELECT bool_or(position('{secret}'::bytea in sealed_answer) > 0) FROM idempotency_keys"
    );
    assert_eq!(rail.database.ask(&clear).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_forgotten_after_a_day() {
    let rail = Rail::builder().workers(0).start().await;
    for key in ["old", "young"] {
        let made = rail.caller.post_once("/exports", &export(), key).await;
        assert_eq!(made.status, 201);
    }
    rail.database
        .run(
            "UPDATE idempotency_keys SET created_at = now() - CASE key WHEN 'old' THEN interval '24 hours 1 second'
                    ELSE interval '23 hours 59 minutes' END",
        )
        .await;

    rail.start_worker();

    wait_until(SOON, "one key to be forgotten", async || {
        count(&rail, "idempotency_keys").await == 1
    })
    .await;
    let left = "SELECT jsonb_agg(key) FROM idempotency_keys";
    assert_eq!(rail.database.ask(left).await, json!(["young"]));
    let anew = rail.caller.post_once("/exports", &export(), "old").await;
    assert_eq!((anew.status, replayed(&anew)), (201, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_key_keeps_nothing() {
    let rail = Rail::builder().customers(3).workers(0).start().await;
    let path = format!("/connections/{}/sync", rail.connect_stripe().await);
    let first = rail.caller.post(&path, &Value::Null).await;
    let second = rail.caller.post(&path, &Value::Null).await;
    assert_eq!((first.status, second.status), (202, 409));
    assert_eq!(count(&rail, "idempotency_keys").await, 0);
}
