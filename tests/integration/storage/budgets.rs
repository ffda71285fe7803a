//! Requests to a store, which are counted as those to every vendor are.

use std::time::Duration;

use rail_shared::budget::{Budgets, RateSettings};
use rail_tests::harness::{redis_url, text};
use rail_tests::stores::ObjectStore;
use rail_tests::wait::{SOON, wait_until};
use serde_json::json;

use super::reading::source;
use super::syncing::{builder_for, connect};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_asked_another_process_to_wait_is_left_alone_and_no_attempt_is_spent() {
    for mut store in ObjectStore::all().await {
        store.put("a.csv", "a\n1\n");
        let redis = redis_url();
        let rail = builder_for(&store)
            .variable("REDIS_URL", &redis)
            .start()
            .await;
        let connection = connect(&rail, store.connector(), store.credentials(), &json!({})).await;
        let other = Budgets::new(&redis, RateSettings::default()).unwrap();
        let account = source(&store, &json!({})).account(&other).await.unwrap();
        other
            .hold(&account.unwrap(), Duration::from_secs(600))
            .await;

        let path = format!("/connections/{connection}/sync");
        let body = json!({ "mode": "FULL" });
        let sync = rail.caller.post(&path, &body).await.expect(202);
        let path = format!("{path}/{}", text(&sync, "syncId"));
        let mut told = String::new();
        wait_until(SOON, "the sync is put off", async || {
            let log = rail.caller.get(&format!("{path}/log")).await;
            told = log.expect(200).to_string();
            told.contains("\"waited\"")
        })
        .await;
        assert!(told.contains("rate budget is held"), "{told}");
        assert!(
            !told.contains("\"retried\""),
            "an attempt was spent: {told}"
        );
        let shown = rail.caller.get(&path).await.expect(200);
        assert_eq!(shown["progress"]["recordsFetched"], 0, "{shown}");

        let budget = format!("/connections/{connection}/budget");
        let budget = rail.caller.get(&budget).await.expect(200);
        assert!(budget["heldUntil"].is_string(), "{budget}");
        assert_eq!(budget["limits"][0]["name"], "second", "{budget}");
    }
}
