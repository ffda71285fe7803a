//! Whom a webhook may reach.

use rail_tests::harness::Rail;
use rail_tests::receiver::Receiver;
use serde_json::{Value, json};

use super::{connections, path, until};

/// The error that a test of a webhook to this URL ends with.
async fn tried(rail: &Rail, url: &str) -> Value {
    let made = rail.caller.post("/webhooks", &json!({"url": url})).await;
    let made = made.expect(201);
    let test = format!("{}/test", path(&made));
    rail.caller.post(&test, &Value::Null).await.expect(200)["error"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_inside_a_network_is_not_reached_however_it_is_named() {
    let rail = Rail::builder().workers(0).start().await;
    let receiver = Receiver::start().await;
    let port = receiver.url().rsplit(':').next().unwrap().to_owned();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "169.254.169.254",
        "[64:ff9b::a9fe:a9fe]",
        "10.0.0.1",
        "0.0.0.0",
    ] {
        let error = tried(&rail, &format!("https://{host}:{port}")).await;
        assert_eq!(error, "the address is not a public one", "{host}");
    }
    assert!(receiver.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_by_https_except_where_the_operator_allows_it() {
    let refused = async |networks: Option<&str>, url: &str| {
        let mut builder = Rail::builder().workers(0);
        if let Some(networks) = networks {
            builder = builder.variable("RAIL_WEBHOOK_NETWORKS", networks);
        }
        let rail = builder.start().await;
        let made = rail.caller.post("/webhooks", &json!({"url": url})).await;
        (made.status, made.faults())
    };
    let https = vec!["/url https-required".to_owned()];
    let inside = "http://127.0.0.1:9999/hook";
    assert_eq!(refused(None, inside).await, (422, https.clone()));
    assert_eq!(
        refused(Some("10.0.0.0/8"), inside).await,
        (422, https.clone())
    );
    assert_eq!(refused(Some("127.0.0.0/8"), inside).await, (201, vec![]));
    assert_eq!(
        refused(Some("127.0.0.0/8"), "http://example.com/hook").await,
        (422, https)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_judges_addresses_when_it_connects() {
    let rail = Rail::builder().customers(1).start().await;
    // Inside by its name only: whoever makes the webhook cannot be told.
    let body = json!({"url": "https://localhost:9/hook"});
    let webhook = rail.caller.post("/webhooks", &body).await.expect(201);
    connections(&rail, 1).await;
    until(&rail, &webhook, |row| row["failures"] == 1).await;
    let attempts = format!("{}/attempts", path(&webhook));
    let attempts = rail.caller.get(&attempts).await.expect(200);
    assert_eq!(attempts[0]["error"], "the address is not a public one");
    assert_eq!(attempts[0]["status"], Value::Null);
}
