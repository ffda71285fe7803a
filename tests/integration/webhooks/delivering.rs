use std::collections::BTreeSet;
use std::time::Duration;

use rail_tests::harness::text;
use rail_tests::receiver::{Receiver, Reply};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{SHORTEST_REST, by_connection, connections, happens, path, rail, taken, told, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_what_the_log_says_signed_as_standard_webhooks() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({"headers": {"X-Token": "abc"}})).await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &json!({"entities": ["customers"]}))
        .await;

    let messages = taken(&receiver, 3).await;

    let log = rail.caller.get("/events").await.expect(200);
    let secret = text(&webhook, "secret");
    for (message, event) in messages.iter().zip(log.as_array().unwrap()) {
        assert_eq!(&message.body, event);
        assert_eq!(message.header("webhook-id"), text(event, "eventId"));
        assert!(message.is_signed_by(secret), "{message:?}");
        assert_eq!(message.header("content-type"), "application/json");
        assert_eq!(message.header("x-token"), "abc");
    }
    // What came of the last one is written after it was answered.
    let told = until(&rail, &webhook, |row| row["sequence"] == 3).await;
    assert!(
        told["lastDeliveredAt"].is_string() && told["secret"].is_null(),
        "{told}"
    );
    let attempts = rail
        .caller
        .get(&format!("{}/attempts", path(&webhook)))
        .await;
    let attempts = attempts.expect(200);
    assert_eq!(attempts.as_array().unwrap().len(), 3);
    assert_eq!(attempts[0]["eventId"], log[2]["eventId"]);
    assert_eq!(
        (
            &attempts[0]["outcome"],
            &attempts[0]["status"],
            &attempts[0]["attempt"]
        ),
        (&json!("DELIVERED"), &json!(204), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_only_what_it_wants_and_what_happens_after_it_was_made() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let ids = connections(&rail, 2).await;
    let wishes = json!({"eventTypes": ["integration.sync.completed"], "connectionIds": [ids[1]]});
    let webhook = told(&rail, &receiver, wishes).await;
    for id in &ids {
        rail.sync(id, &json!({"entities": ["customers"]})).await;
    }
    let last = rail.caller.get("/events").await.body["page"]["nextCursor"].clone();
    let last: i64 = last.as_str().unwrap().parse().unwrap();

    until(&rail, &webhook, |row| row["sequence"] == last).await;

    let messages = receiver.taken();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0].kind(), "integration.sync.completed");
    assert_eq!(messages[0].body["data"]["connectionId"], json!(ids[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_connection_come_in_order_and_those_of_others_beside_them() {
    let (rail, receiver) = (rail(0).await, Receiver::start().await);
    let ids = connections(&rail, 4).await;
    told(&rail, &receiver, json!({})).await;
    for _ in 0..5 {
        for id in &ids {
            happens(&rail, id, 1).await;
        }
    }
    receiver.answers(|_| Reply::status(200).after(Duration::from_millis(20)));
    rail.start_worker();

    let messages = taken(&receiver, 20).await;

    assert_eq!(messages.len(), 20);
    for (connection, sequences) in by_connection(&messages) {
        assert!(
            sequences.is_sorted() && sequences.len() == 5,
            "{connection}: {sequences:?}"
        );
    }
    assert!(receiver.most_at_once() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_gets_no_more_a_second_than_it_wants() {
    let (rail, receiver) = (rail(0).await, Receiver::start().await);
    let ids = connections(&rail, 3).await;
    told(&rail, &receiver, json!({"maxPerSecond": 10})).await;
    for id in &ids {
        happens(&rail, id, 5).await;
    }
    let begun = Instant::now();
    rail.start_worker();
    taken(&receiver, 15).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(1_390),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_killed_all_the_time_lose_nothing_and_keep_the_order() {
    let (rail, receiver) = (rail(0).await, Receiver::start().await);
    let ids = connections(&rail, 3).await;
    told(&rail, &receiver, json!({})).await;
    receiver.answers(|_| Reply::status(200).after(Duration::from_millis(5)));
    let expected = 3 * 40;
    let mut kills = 0;
    for round in 0..40 {
        for id in &ids {
            happens(&rail, id, 1).await;
        }
        if round % 10 == 0 {
            let worker = rail.start_worker();
            let before = receiver.taken().len();
            wait_until(SOON * 2, "the worker to tell something", async || {
                receiver.taken().len() > before
            })
            .await;
            worker.kill();
            kills += 1;
            // Nobody waits for the lease of the dead.
            rail.database
                .run("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'RUNNING'")
                .await;
        }
    }
    rail.start_worker();
    let all = async || {
        let ids: BTreeSet<i64> = receiver
            .taken()
            .iter()
            .map(|message| message.sequence())
            .collect();
        ids.len() >= expected
    };
    wait_until(SOON * 4, "everything to be told", all).await;
    let messages = receiver.taken();
    // What was answered while a worker died is told again: as many at most as it was telling.
    assert!(messages.len() <= expected + kills * 3, "{}", messages.len());
    for (connection, mut sequences) in by_connection(&messages) {
        sequences.dedup();
        assert!(sequences.is_sorted(), "{connection}: {sequences:?}");
        assert_eq!(sequences.len(), 40, "{connection}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_receiver_with_thousands_of_events_before_it_does_not_slow_a_living_one() {
    let (rail, living) = (rail(0).await, Receiver::start().await);
    rail.connect_stripe().await;
    // Nobody listens there.
    let dead = json!({"url": "http://127.0.0.1:9/dead"});
    let dead = rail.caller.post("/webhooks", &dead).await.expect(201);
    rail.database
        .run("INSERT INTO events (tenant_id, seq, id, type, subject_id)
              SELECT tenant_id, last_seq + n, gen_random_uuid(), 'integration.sync.failed', gen_random_uuid()
              FROM event_counters, generate_series(1, 5000) AS n;
              UPDATE event_counters SET last_seq = last_seq + 5000")
        .await;
    told(&rail, &living, json!({})).await;
    let begun = Instant::now();
    rail.start_worker();
    until(&rail, &dead, |row| row["failures"].as_i64() > Some(0)).await;
    for sequence in 5_002..5_012 {
        let happened = Instant::now();
        connections(&rail, 1).await;
        let told = |message: &rail_tests::receiver::Message| message.sequence() == sequence;
        wait_until(SOON, "the living one to be told", async || {
            living.taken().iter().any(told)
        })
        .await;
        assert!(
            happened.elapsed() < Duration::from_secs(2),
            "{:?}",
            happened.elapsed()
        );
    }
    let failures = rail.caller.get(&path(&dead)).await.expect(200)["failures"].clone();
    let most = 1 + begun.elapsed().as_secs() / SHORTEST_REST.as_secs();
    assert!(
        failures.as_u64().unwrap() <= most,
        "{failures}, not {most}: it is left in peace"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_forgets_everything_delays_events_and_loses_none() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    told(&rail, &receiver, json!({})).await;
    let stripe = rail.connect_stripe().await;
    taken(&receiver, 1).await;
    // As if nobody had rung and nobody had been woken.
    rail.database
        .run("INSERT INTO events (tenant_id, seq, id, type, subject_id)
              SELECT tenant_id, last_seq + 1, gen_random_uuid(), 'integration.sync.failed', gen_random_uuid() FROM event_counters;
              UPDATE event_counters SET last_seq = last_seq + 1")
        .await;
    let messages = taken(&receiver, 2).await;
    assert_eq!(messages[1].kind(), "integration.sync.failed");
    assert_ne!(Value::from(stripe), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pace_is_kept_when_events_come_one_by_one() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    told(&rail, &receiver, json!({"maxPerSecond": 2})).await;
    let begun = Instant::now();
    for count in 1..=5 {
        connections(&rail, 1).await;
        taken(&receiver, count).await;
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(1_900),
        "{:?}",
        begun.elapsed()
    );
}
