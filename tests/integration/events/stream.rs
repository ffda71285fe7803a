use std::collections::BTreeSet;

use rail_tests::draw::Draw;
use rail_tests::harness::Rail;
use rail_tests::stream::Client;
use reqwest::Method;
use serde_json::json;

use super::{append, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_what_happens_from_now_on_as_the_log_does() {
    let rail = Rail::builder().customers(1).start().await;
    let before = rail.connect_stripe().await;
    let mut client = Client::connect(&rail.caller, "", None).await.unwrap();
    let after = rail.connect_stripe().await;

    let heard = client.next().await.unwrap();

    assert_ne!(before, after);
    assert_eq!(
        (&heard.id[..], &heard.kind[..]),
        ("2", "integration.connected")
    );
    assert_eq!(heard.body["data"]["connectionId"], json!(after));
    let log = rail.caller.get("/events?after=1").await.expect(200);
    assert_eq!(heard.body, log[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_some_events_passes_over_the_others() {
    let rail = Rail::builder().customers(1).start().await;
    let stripe = rail.connect_stripe().await;
    let query = format!("?after=0&connectionId={stripe}&types=integration.sync.completed");
    let mut client = Client::connect(&rail.caller, &query, None).await.unwrap();
    rail.connect_stripe().await;
    rail.sync(&stripe, &json!({"entities": ["customers"]}))
        .await;
    let heard = client.next().await.unwrap();
    assert_eq!(heard.kind, "integration.sync.completed");
    assert_eq!(heard.id, "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_reconnects_at_random_sees_each_of_ten_thousand_events_once() {
    const EVENTS: usize = 10_000;
    let rail = Rail::builder().workers(0).start().await;
    let (store, tenant) = (rail.database.store(), tenant(&rail).await);
    let writing = tokio::spawn(async move {
        let mut draw = Draw::new(11, 0, 0);
        let mut left = EVENTS;
        while left > 0 {
            let count = draw.below(60).clamp(1, left as u64) as usize;
            append(&store, tenant, count).await;
            left -= count;
        }
    });
    let mut draw = Draw::new(12, 0, 0);
    let (mut seen, mut last, mut connections) = (Vec::new(), "0".to_owned(), 0);
    // Two processes: the reader does not care which one it comes back to.
    let callers = [rail.caller.clone(), rail.start_api().await];
    while seen.len() < EVENTS {
        let caller = &callers[connections % callers.len()];
        let mut client = Client::connect(caller, "", Some(&last)).await.unwrap();
        connections += 1;
        for _ in 0..draw.below(400) {
            if seen.len() == EVENTS {
                break;
            }
            let heard = client.next().await.expect("an event");
            last = heard.id;
            seen.push(heard.body["sequence"].as_u64().unwrap());
        }
    }
    writing.await.unwrap();
    assert!(connections > 20, "{connections}");
    assert_eq!(seen, (1..=EVENTS as u64).collect::<Vec<_>>());
    let unique: BTreeSet<u64> = seen.into_iter().collect();
    assert_eq!(unique.len(), EVENTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_no_number_is_refused() {
    let rail = Rail::builder().workers(0).start().await;
    let request = rail
        .caller
        .request(Method::GET, "/events/stream")
        .header("Last-Event-ID", "evt_1");
    let refused = rail_tests::harness::send(request).await;
    assert_eq!(refused.faults(), ["Last-Event-ID bad-event-id"]);
}
