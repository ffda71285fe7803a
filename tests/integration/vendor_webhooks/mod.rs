//! Webhooks of vendors: what is taken and what is not, and that whatever was told is read in the end.

mod burst;
mod following;
mod kept;
mod taking;
mod vendors;

use rail_tests::harness::{Answer, Rail, send, text};
use rail_tests::sandbox::stripe::{WEBHOOK_SECRET, Webhook, signature};
use rail_tests::wait::{SOON, wait_until};
use reqwest::{Body, Method};
use serde_json::{Value, json};

/// Connections to Stripe by which it reports changes.
const TOLD_SYNCS: &str = "SELECT count(*) FROM syncs WHERE trigger = 'WEBHOOK'";
/// Changes that were told and not read yet.
const TOLD_CHANGES: &str = "SELECT count(*) FROM told_changes";
const EVENTS: &str = "SELECT count(*) FROM inbound_events";

/// A connection to Stripe that can check webhooks: its id.
async fn connect(rail: &Rail) -> String {
    let credentials =
        json!({"apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": WEBHOOK_SECRET});
    connect_with(rail, "stripe", &credentials).await
}

async fn connect_with(rail: &Rail, connector: &str, credentials: &Value) -> String {
    let body = json!({"connectorId": connector, "name": "Told", "credentials": credentials});
    let made = rail.caller.post("/connections", &body).await.expect(201);
    let id = text(&made, "connectionId").to_owned();
    let url = format!(
        "{}/api/v1/integrations/connections/{id}/webhooks/{connector}",
        rail.url()
    );
    assert_eq!(text(&made, "webhookUrl"), url);
    id
}

/// Sends a body with these headers to the webhook of a connection, as a vendor does: without a key.
async fn tell(rail: &Rail, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let caller = rail.caller.anonymous();
    let request = caller
        .request(Method::POST, path)
        .header("content-type", "application/json");
    let with = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    send(headers.iter().fold(request, with).body(body)).await
}

fn path(connection: &str) -> String {
    format!("/connections/{connection}/webhooks/stripe")
}

/// Sends a body with this signature to the webhook of a connection to Stripe.
async fn tell_signed(
    rail: &Rail,
    connection: &str,
    signature: &str,
    body: impl Into<Body>,
) -> Answer {
    let headers = [("stripe-signature", signature)];
    tell(rail, &path(connection), &headers, body).await
}

/// The newest event of the fake Stripe, told to a connection.
async fn tell_newest(rail: &Rail, connection: &str) -> Answer {
    let Webhook { body, signature } = rail.sandbox.stripe().webhook().expect("an event");
    tell_signed(rail, connection, &signature, body).await
}

/// An answer that a webhook was taken: nothing but the status.
#[track_caller]
fn taken(answer: &Answer) {
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
}

/// An event of this id and type about a record, rightly signed now.
fn event(id: &str, event_type: &str, record: &str) -> Webhook {
    let body =
        json!({"id": id, "type": event_type, "data": {"object": {"id": record}}}).to_string();
    signed_at(body, rail_shared::domain::Clock::system().now().timestamp())
}

fn signed_at(body: String, sent_s: i64) -> Webhook {
    Webhook {
        signature: signature(WEBHOOK_SECRET, sent_s, body.as_bytes()),
        body,
    }
}

/// Changes a customer in the sandbox: its name says how often.
fn rename(rail: &Rail, id: &str, name: &str) {
    let stripe = rail.sandbox.stripe();
    stripe.update("customers", id, |record| record["name"] = json!(name));
}

/// The name under which a customer is stored.
async fn stored_name(rail: &Rail, id: &str) -> Value {
    let sql = format!("SELECT payload->>'name' FROM records WHERE external_id = '{id}'");
    rail.database.ask(&sql).await
}

/// Waits until everything that was told was read.
async fn all_read(rail: &Rail) {
    wait_until(SOON * 4, "all that was told to be read", async || {
        rail.database.ask(TOLD_CHANGES).await == 0
    })
    .await;
}

/// The syncs that webhooks began, oldest first.
async fn told_syncs(rail: &Rail, connection: &str) -> Vec<Value> {
    let listed = rail
        .caller
        .get(&format!("/connections/{connection}/sync"))
        .await
        .expect(200);
    let listed = listed.as_array().unwrap().iter().rev();
    listed
        .filter(|sync| sync["trigger"] == "WEBHOOK")
        .cloned()
        .collect()
}

/// A FULL sync of customers.
async fn read_customers(rail: &Rail, connection: &str) {
    let done = rail
        .sync(
            connection,
            &json!({"entities": ["customers"], "mode": "FULL"}),
        )
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
}
