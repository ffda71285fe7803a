//! Webhooks: that receivers are told everything, in order, and nobody else is.

mod addresses;
mod delivering;
mod failing;
mod managing;
mod repeating;

use std::collections::BTreeMap;
use std::time::Duration;

use rail_shared::domain::{ConnectionId, EventType};
use rail_shared::store::events::{self, NewEvent};
use rail_tests::harness::{Rail, text};
use rail_tests::receiver::{Message, Receiver};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

/// At least this long after an event was not taken, its receiver is left in peace.
const SHORTEST_REST: Duration = Duration::from_secs(4);

/// A rail whose webhooks may reach this machine.
async fn rail(workers: usize) -> Rail {
    Rail::builder()
        .customers(2)
        .workers(workers)
        .variable("RAIL_WEBHOOK_NETWORKS", "127.0.0.1")
        .start()
        .await
}

/// A webhook to a receiver: the answer that made it.
async fn told(rail: &Rail, receiver: &Receiver, mut wishes: Value) -> Value {
    wishes["url"] = json!(receiver.url());
    rail.caller.post("/webhooks", &wishes).await.expect(201)
}

fn path(webhook: &Value) -> String {
    format!("/webhooks/{}", text(webhook, "webhookId"))
}

/// Waits until a receiver has taken so many messages; returns them.
async fn taken(receiver: &Receiver, count: usize) -> Vec<Message> {
    let what = format!("{count} messages to be taken");
    wait_until(SOON * 2, &what, async || receiver.taken().len() >= count).await;
    receiver.taken()
}

/// Waits until a receiver was told so many messages, taken or not.
async fn heard(receiver: &Receiver, count: usize) -> Vec<Message> {
    let what = format!("{count} messages to be heard");
    wait_until(SOON * 2, &what, async || receiver.heard().len() >= count).await;
    receiver.heard()
}

/// Pauses or resumes a webhook.
async fn wish(rail: &Rail, webhook: &Value, verb: &str) {
    let wished = format!("{}/{verb}", path(webhook));
    let answer = rail.caller.post(&wished, &Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Waits until the webhook looks so.
async fn until(rail: &Rail, webhook: &Value, is_so: impl Fn(&Value) -> bool) -> Value {
    rail.until(&path(webhook), is_so).await
}

/// Waits until nobody serves a webhook: what was to be noted is noted, and what waits waits for its time.
async fn nobody_is_served(rail: &Rail) {
    let served = "SELECT count(*) FROM jobs WHERE kind = 'delivery' AND state = 'RUNNING'";
    wait_until(SOON, "every webhook to be left", async || {
        rail.database.ask(served).await == 0
    })
    .await;
}

/// Lets time pass for all webhooks.
async fn pass(rail: &Rail, time: &str) {
    // A job that is put back afterwards would wait for the time that has passed.
    nobody_is_served(rail).await;
    for sql in [
        format!(
            "UPDATE webhooks SET failing_since = failing_since - interval '{time}', retry_at = retry_at - interval '{time}'"
        ),
        format!(
            "UPDATE webhook_lanes SET failing_since = failing_since - interval '{time}', due_at = due_at - interval '{time}'"
        ),
        format!(
            "UPDATE webhook_resends SET asked_at = asked_at - interval '{time}', due_at = due_at - interval '{time}'"
        ),
        format!(
            "UPDATE jobs SET due_at = due_at - interval '{time}' WHERE kind = 'delivery' AND state = 'QUEUED' AND due_at < 'infinity'"
        ),
    ] {
        rail.database.run(&sql).await;
    }
}

/// The numbers of messages by the connection they speak of.
fn by_connection(messages: &[Message]) -> BTreeMap<String, Vec<i64>> {
    let mut lanes: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for message in messages {
        let connection = message.body["data"]["connectionId"].as_str();
        let lane = lanes.entry(connection.unwrap_or_default().to_owned());
        lane.or_default().push(message.sequence());
    }
    lanes
}

/// Connections, each of which is an event: their ids.
async fn connections(rail: &Rail, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(rail.connect_stripe().await);
    }
    ids
}

/// Something happens on a connection so many times, each an event.
async fn happens(rail: &Rail, connection: &str, times: usize) {
    let id: ConnectionId = connection.parse().unwrap();
    let tenant = rail
        .database
        .ask("SELECT to_jsonb(id) FROM tenants WHERE name = 'default'")
        .await;
    let tenant: uuid::Uuid = tenant.as_str().unwrap().parse().unwrap();
    let store = rail.database.store();
    for _ in 0..times {
        let new = NewEvent {
            tenant_id: tenant.into(),
            connection_id: Some(id),
            event_type: EventType::SyncFailed,
            subject_id: uuid::Uuid::now_v7(),
        };
        let mut transaction = store.begin().await.unwrap();
        events::append(&mut transaction, &[new]).await.unwrap();
        transaction.commit().await.unwrap();
    }
}
