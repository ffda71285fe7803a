//! The api dies between the commit of a vendor's webhook and its answer: the vendor tries again, and it counts once.

use rail_tests::harness::{text, try_send};
use rail_tests::processes::Installation;
use rail_tests::sandbox::stripe::{self, WEBHOOK_SECRET, Webhook, signature};
use rail_tests::wait::{SOON, wait_until};
use reqwest::Method;
use serde_json::json;
use std::time::Instant;

use crate::settings::Settings;
use crate::tally::Tally;

/// The only step there is in the api.
const COMMITTED: &str = "0";

pub async fn unanswered(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let webhooks = settings.choose(20, 5);
    let records = stripe::Settings::new(settings.seed).with("customers", webhooks);
    let mut installation = Installation::builder("webhooks", &settings.logs)
        .sandbox(records)
        .start()
        .await;
    let connection = json!({"connectorId": "stripe", "name": "Told", "credentials":
        {"apiKey": "${IOF_CONNECTOR_API_KEY}", "webhookSecret": WEBHOOK_SECRET}});
    let made = installation.caller.post("/connections", &connection).await;
    let connection = text(&made.expect(201), "connectionId").to_owned();
    let path = format!("/connections/{connection}/webhooks/stripe");
    let ids = installation.sandbox.stripe().ids("customers");
    for (number, id) in ids.iter().enumerate() {
        installation
            .restart_api(&[("RAIL_CRASH_AT_STEP", COMMITTED)])
            .await;
        let stripe = installation.sandbox.stripe();
        stripe.update("customers", id, |record| {
            record["name"] = json!(format!("Told {number}"));
        });
        let webhook = stripe.webhook().expect("an event");
        let unanswered = tell(&installation, &path, &webhook).await.is_none();
        tally.demand(unanswered, || format!("webhook {number} was answered"));
        tally.runs += 1;
        installation.api.ended(SOON).await;

        installation.restart_api(&[]).await;
        let since = Instant::now();
        let status = tell(&installation, &path, &webhook).await;
        tally.demand(status == Some(200), || {
            format!("tried again, it was answered {status:?}")
        });
        tally.recoveries.push(since.elapsed());
    }
    let count = async |sql: &str| installation.database.ask(sql).await.as_u64().unwrap_or(0);
    let noted = count("SELECT count(*) FROM inbound_events").await;
    tally.lost += webhooks.saturating_sub(noted);
    tally.duplicated += noted.saturating_sub(webhooks);
    let told = count("SELECT count(*) FROM told_changes").await;
    tally.duplicated += told.saturating_sub(webhooks);

    let _worker = installation.start_worker();
    wait_until(SOON * 4, "all that was told is read", async || {
        count("SELECT count(*) FROM told_changes").await == 0
    })
    .await;
    for (number, id) in ids.iter().enumerate() {
        let sql = format!("SELECT payload->>'name' FROM records WHERE external_id = '{id}'");
        let name = installation.database.ask(&sql).await;
        tally.lost += u64::from(name != format!("Told {number}"));
    }
    let syncs = count("SELECT count(*) FROM syncs").await;
    tally.notes.push(format!(
        "{webhooks} webhooks, each told twice, were read by {syncs} sync(s)"
    ));
    tally.demand(syncs == 1, || format!("{syncs} syncs were begun"));
    tally
}

/// The status of the answer, if one comes. Stripe signs each attempt anew.
async fn tell(installation: &Installation, path: &str, webhook: &Webhook) -> Option<u16> {
    let now_s = installation.sandbox.stripe().clock().now();
    let signature = signature(WEBHOOK_SECRET, now_s, webhook.body.as_bytes());
    let caller = installation.caller.anonymous();
    let request = caller
        .request(Method::POST, path)
        .header("stripe-signature", signature);
    let answer = try_send(request.body(webhook.body.clone())).await;
    answer.map(|answer| answer.status)
}
