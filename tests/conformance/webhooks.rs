//! Webhooks, checked by the libraries that receivers use.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rail_tests::environment;
use rail_tests::harness::{Rail, text};
use rail_tests::receiver::Receiver;
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use super::scripts;

#[tokio::test(flavor = "multi_thread")]
async fn the_published_libraries_believe_what_is_sent_and_nothing_else() {
    let rail = Rail::builder()
        .customers(1)
        .variable("RAIL_WEBHOOK_NETWORKS", "127.0.0.1")
        .start()
        .await;
    let receiver = Receiver::start().await;
    let body = json!({"url": receiver.url()});
    let webhook = rail.caller.post("/webhooks", &body).await.expect(201);
    let rotate = format!("/webhooks/{}/rotate-secret", text(&webhook, "webhookId"));
    let rotated = rail.caller.post(&rotate, &Value::Null).await.expect(200);
    let stranger = rail.caller.post("/webhooks", &body).await.expect(201);
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &json!({"entities": ["customers"]}))
        .await;
    let id = text(&webhook, "secret");
    wait_until(SOON, "what the first webhook is told", async || {
        receiver
            .taken()
            .iter()
            .filter(|message| message.is_signed_by(id))
            .count()
            == 3
    })
    .await;
    let messages: Vec<Value> = receiver
        .taken()
        .iter()
        .filter(|message| message.is_signed_by(id))
        .map(|message| {
            let name = |name: &str| (name.to_owned(), json!(message.header(name)));
            let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(name);
            json!({"body": message.text, "headers": Value::Object(headers.into_iter().collect())})
        })
        .collect();
    let told = json!({
        "messages": messages, "secrets": [webhook["secret"], rotated["secret"]], "stranger": stranger["secret"],
    });
    scripts::run("webhooks_read.py", &told);
    node("webhooks_read.js", &told);
}

/// Runs a script beside this file with what `./dev test` took from npm; a failed check of it fails the test.
fn node(script: &str, told: &Value) {
    let Some(packages) = environment::variable("RAIL_TEST_NODE") else {
        println!("skipped: RAIL_TEST_NODE does not name a folder with the packages");
        return;
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let mut child = Command::new("node")
        .arg(here.join(script))
        .env("NODE_PATH", Path::new(&packages).join("node_modules"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("node");
    let told = told.to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(told.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "{script}");
}
