//! Stripe's official Python library signs webhooks and checks them beside us.

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::stripe::WEBHOOK_SECRET;
use serde_json::json;

use crate::scripts;

#[tokio::test(flavor = "multi_thread")]
async fn what_stripes_own_library_signs_and_refuses_we_take_and_refuse() {
    let rail = Rail::builder().customers(1).workers(0).start().await;
    let credentials =
        json!({"apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": WEBHOOK_SECRET});
    let connection = json!({"connectorId": "stripe", "name": "Told", "credentials": credentials});
    let made = rail
        .caller
        .post("/connections", &connection)
        .await
        .expect(201);
    let id = rail.sandbox.stripe().ids("customers").remove(0);
    rail.sandbox
        .stripe()
        .update("customers", &id, |record| record["name"] = json!("Ünïcödé"));
    let sent = rail.sandbox.stripe().webhook().unwrap();
    let told = json!({
        "url": text(&made, "webhookUrl"),
        "secret": WEBHOOK_SECRET,
        "sandbox": {"body": sent.body, "signature": sent.signature},
    });
    let ran = tokio::task::spawn_blocking(move || scripts::run("stripe_webhooks.py", &told));
    if ran.await.unwrap() {
        let events = "SELECT count(*) FROM inbound_events";
        assert!(rail.database.ask(events).await.as_i64() > Some(3));
    }
}
