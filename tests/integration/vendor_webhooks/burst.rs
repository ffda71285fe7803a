//! A thousand webhooks at once.

use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream;
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::stripe::Webhook;
use serde_json::{Value, json};

use super::{
    EVENTS, TOLD_CHANGES, all_read, connect, path, rename, stored_name, taken, tell, told_syncs,
};

const WEBHOOKS: usize = 1_000;
const CUSTOMERS: usize = 40;
const AT_ONCE: [usize; 3] = [32, 8, 2];

fn percentile(sorted: &[Duration], per_cent: usize) -> Duration {
    sorted[(sorted.len() * per_cent / 100).min(sorted.len() - 1)]
}

/// Renames every customer as often as it takes; the webhooks that tell of it.
fn webhooks(rail: &Rail, ids: &[String], word: &str) -> Vec<Webhook> {
    let rename = |number: usize| {
        rename(rail, &ids[number % CUSTOMERS], &format!("{word} {number}"));
        rail.sandbox.stripe().webhook().unwrap()
    };
    (0..WEBHOOKS).map(rename).collect()
}

/// Sends them, and prints how long the answers took.
async fn send_all(rail: &Rail, path: &str, webhooks: Vec<Webhook>, at_once: usize) {
    let begun = Instant::now();
    let mut took: Vec<Duration> = stream::iter(webhooks)
        .map(async |Webhook { body, signature }| {
            let since = Instant::now();
            let answer = tell(rail, path, &[("stripe-signature", &signature)], body).await;
            taken(&answer);
            since.elapsed()
        })
        .buffer_unordered(at_once)
        .collect()
        .await;
    let all = begun.elapsed();
    took.sort_unstable();
    println!(
        "{WEBHOOKS} webhooks, {at_once} at once, in {all:.2?}: p50 {:.1?}, p99 {:.1?}, slowest {:.1?}",
        percentile(&took, 50),
        percentile(&took, 99),
        took[took.len() - 1]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_webhooks_make_one_sync_that_follows_the_active_one_and_each_is_answered_fast() {
    let rail = Rail::builder()
        .customers(CUSTOMERS as u64)
        .workers(0)
        .start()
        .await;
    let stripe = connect(&rail).await;
    let ids = rail.sandbox.stripe().ids("customers");
    // It waits for a worker, and is active.
    let asked = json!({"entities": ["invoices"]});
    let active = format!("/connections/{stripe}/sync");
    let active = rail.caller.post(&active, &asked).await.expect(202);

    let path = path(&stripe);
    // First as many as two cores can bear and more, at an api that has not connected to Postgres yet; then fewer.
    for at_once in AT_ONCE {
        let webhooks = webhooks(&rail, &ids, &format!("Of {at_once},"));
        send_all(&rail, &path, webhooks, at_once).await;
    }

    assert_eq!(rail.database.ask(EVENTS).await, AT_ONCE.len() * WEBHOOKS);
    assert_eq!(rail.database.ask(TOLD_CHANGES).await, CUSTOMERS);
    rail.start_worker();
    all_read(&rail).await;
    let ended = format!("/connections/{stripe}/sync/{}", text(&active, "syncId"));
    assert_eq!(rail.ended(&ended).await["status"], "COMPLETED");
    let syncs = told_syncs(&rail, &stripe).await;
    assert_eq!(syncs.len(), 1, "{syncs:?}");
    assert_eq!(syncs[0]["status"], "COMPLETED", "{syncs:?}");
    for (place, id) in ids.iter().enumerate() {
        let last = format!("Of {}, {}", AT_ONCE[2], WEBHOOKS - CUSTOMERS + place);
        assert_eq!(stored_name(&rail, id).await, Value::from(last));
    }
}
