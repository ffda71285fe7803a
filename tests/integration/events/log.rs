use rail_shared::domain::{EventType, Scope};
use rail_shared::store::events;
use rail_tests::harness::Rail;
use rail_tests::wait::{SOON, wait_until};
use serde_json::json;

use super::{append, happened, sequences, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_follows_the_one_before_it_and_says_how_its_subject_stood() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = rail.connect_stripe().await;
    let body = json!({"entities": ["customers"], "mode": "FULL"});
    let sync = rail.sync(&stripe, &body).await;

    let answer = rail.caller.get("/events").await;

    let events = answer.clone().expect(200);
    assert_eq!(sequences(&events), [1, 2, 3]);
    let said: Vec<_> = events.as_array().unwrap().iter().collect();
    assert_eq!(said[0]["type"], "integration.connected");
    assert_eq!(
        said[0]["data"],
        json!({"connectionId": stripe, "connectorId": "stripe", "name": "Stripe"})
    );
    assert_eq!(said[1]["type"], "integration.sync.started");
    assert_eq!(said[2]["type"], "integration.sync.completed");
    let completed = &said[2]["data"];
    assert_eq!(completed["connectionId"], json!(stripe));
    assert_eq!(completed["syncId"], sync["syncId"]);
    assert_eq!(completed["mode"], "FULL");
    assert_eq!(completed["stats"]["customers"]["created"], 3);
    assert_eq!(completed["stats"]["customers"]["errors"], 0);
    assert!(completed.get("error").is_none(), "{completed}");
    assert_eq!(
        answer.body["page"],
        json!({"nextCursor": "3", "hasMore": false})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_where_it_was_and_sees_each_event_once() {
    let rail = Rail::builder().workers(0).start().await;
    let (store, tenant) = (rail.database.store(), tenant(&rail).await);
    append(&store, tenant, 5).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    for more in [true, true, false] {
        let answer = rail.caller.get(&format!("/events?limit=2{after}")).await;
        seen.extend(sequences(&answer.body["data"]));
        assert_eq!(answer.body["page"]["hasMore"], more);
        after = format!(
            "&after={}",
            answer.body["page"]["nextCursor"].as_str().unwrap()
        );
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    append(&store, tenant, 1).await;
    let answer = rail.caller.get(&format!("/events?limit=2{after}")).await;
    assert_eq!(sequences(&answer.body["data"]), [6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_some_events_passes_over_the_others() {
    let rail = Rail::builder().customers(1).start().await;
    let stripe = rail.connect_stripe().await;
    let other = rail.connect_stripe().await;
    rail.sync(&stripe, &json!({"entities": ["customers"]}))
        .await;
    let read = async |query: &str| {
        let answer = rail.caller.get(&format!("/events?{query}")).await;
        (
            sequences(&answer.body["data"]),
            answer.body["page"]["nextCursor"].clone(),
        )
    };
    let types = "types=integration.sync.completed,integration.sync.failed";
    assert_eq!(read(types).await, (vec![4], json!("4")));
    assert_eq!(
        read(&format!("connectionId={other}")).await,
        (vec![2], json!("4"))
    );
    assert_eq!(
        read(&format!("after=2&connectionId={other}")).await,
        (vec![], json!("4"))
    );
    let bad = rail.caller.get("/events?types=integration.nothing").await;
    assert_eq!(bad.faults(), ["types unknown-type"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_reads_its_own_log_only() {
    let rail = Rail::builder().workers(0).start().await;
    append(&rail.database.store(), tenant(&rail).await, 2).await;
    let other = rail.caller_of("another", &[Scope::Read]).await;
    let answer = other.get("/events").await;
    assert_eq!(answer.body["data"], json!([]));
    assert_eq!(answer.body["page"]["nextCursor"], "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_forgotten_oldest_first_and_who_comes_too_late_is_told() {
    let rail = Rail::builder()
        .workers(0)
        .variable("RAIL_EVENTS_KEPT", "7d")
        .start()
        .await;
    append(&rail.database.store(), tenant(&rail).await, 6).await;
    // The fourth is newer than what comes after it: it keeps that too, so that there is no hole.
    rail.database
        .run("UPDATE events SET created_at = now() - interval '8 days' WHERE seq IN (1, 2, 3, 5)")
        .await;
    rail.start_worker();
    let left = "SELECT jsonb_agg(seq ORDER BY seq) FROM events";
    wait_until(SOON, "old events to be forgotten", async || {
        rail.database.ask(left).await == json!([4, 5, 6])
    })
    .await;

    assert_eq!(
        sequences(&rail.caller.get("/events").await.expect(200)),
        [4, 5, 6]
    );
    assert_eq!(
        sequences(&rail.caller.get("/events?after=3").await.expect(200)),
        [4, 5, 6]
    );
    let late = rail.caller.get("/events?after=2").await;
    assert_eq!(late.problem(410), "events-forgotten");
    let late = rail.caller.get("/events/stream?after=2").await;
    assert_eq!(late.problem(410), "events-forgotten");
    let ahead = rail.caller.get("/events?after=7").await;
    assert_eq!(ahead.faults(), ["after ahead-of-log"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_undone_and_what_is_written_at_once_leaves_no_gap() {
    let rail = Rail::builder().workers(0).start().await;
    let (store, tenant) = (rail.database.store(), tenant(&rail).await);
    let mut writers = Vec::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            for round in 0..25 {
                let mut transaction = store.begin().await.unwrap();
                let new = vec![happened(tenant, EventType::SyncFailed); 1 + round % 3];
                events::append(&mut transaction, &new).await.unwrap();
                if (writer + round) % 4 == 0 {
                    drop(transaction);
                } else {
                    transaction.commit().await.unwrap();
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let sql = "SELECT jsonb_build_array(min(seq), max(seq) - count(*), count(DISTINCT id) - count(*),
                      bool_and(later)) FROM
               (SELECT seq, id, created_at >= coalesce(lag(created_at) OVER (ORDER BY seq), created_at) AS later FROM events) AS events";
    assert_eq!(rail.database.ask(sql).await, json!([1, 0, 0, true]));
}
