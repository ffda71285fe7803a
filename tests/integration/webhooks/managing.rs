use rail_shared::domain::Scope;
use rail_tests::harness::text;
use rail_tests::receiver::Receiver;
use serde_json::{Value, json};

use super::{connections, path, rail, taken, told, until};

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_webhook_is_named_at_once() {
    let rail = rail(0).await;
    let body = json!({
        "url": "https://user:secret@example.com/#part", "eventTypes": ["integration.nothing"], "maxPerSecond": 0,
        "connectionIds": [], "headers": {"Host": "a", "bad name": "b", "X-Fine": "c\n"}, "secret": "whsec_short", "colour": 1,
    });
    let refused = rail.caller.post("/webhooks", &body).await;
    assert_eq!(
        refused.faults(),
        [
            "/colour unknown-field",
            "/connectionIds empty",
            "/eventTypes/0 unknown-value",
            "/headers/Host bad-header",
            "/headers/X-Fine bad-header",
            "/headers/bad name bad-header",
            "/maxPerSecond invalid",
            "/secret bad-secret",
            "/url bad-url",
            "/url credentials-in-url",
        ]
    );
    assert_eq!(rail.database.ask("SELECT count(*) FROM webhooks").await, 0);
    let body =
        json!({"url": "https://example.com", "connectionIds": ["conn_01k9c4e7rzf8tv5b2n6wq3xm0d"]});
    let refused = rail.caller.post("/webhooks", &body).await;
    assert_eq!(refused.faults(), ["/connectionIds unknown-connection"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_replaces_what_it_gives_and_leaves_the_rest() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let wishes = json!({
        "description": "Books", "eventTypes": ["integration.connected"], "maxPerSecond": 5,
        "headers": {"X-A": "1", "X-B": "2"},
    });
    let webhook = told(&rail, &receiver, wishes).await;
    let change = json!({"maxPerSecond": null, "headers": {"X-A": null, "X-C": "3"}});
    let changed = rail
        .caller
        .patch(&path(&webhook), &change)
        .await
        .expect(200);
    assert_eq!(changed["description"], "Books");
    assert_eq!(changed["eventTypes"], json!(["integration.connected"]));
    assert_eq!(changed["maxPerSecond"], Value::Null);
    assert_eq!(changed["headerNames"], json!(["x-b", "x-c"]));
    connections(&rail, 1).await;
    let messages = taken(&receiver, 1).await;
    assert!(messages[0].headers.get("x-a").is_none());
    assert_eq!(
        (messages[0].header("x-b"), messages[0].header("x-c")),
        ("2", "3")
    );
    assert!(messages[0].is_signed_by(text(&webhook, "secret")));

    let stale = rail
        .caller
        .request(reqwest::Method::PATCH, &path(&webhook))
        .header("If-Match", "\"v1\"")
        .json(&json!({"description": "Late"}));
    let stale = rail_tests::harness::send(stale).await;
    assert_eq!(stale.problem(412), "changed-meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_ones_own_is_taken_and_none_is_shown_again() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let webhook = told(&rail, &receiver, json!({"secret": secret})).await;
    assert_eq!(webhook["secret"], secret);
    connections(&rail, 1).await;
    assert!(taken(&receiver, 1).await[0].is_signed_by(secret));
    let shown = rail.caller.get(&path(&webhook)).await;
    let listed = rail.caller.get("/webhooks").await;
    assert!(!shown.text.contains("whsec_") && !listed.text.contains("whsec_"));
    let stored = "SELECT encode(sealed, 'escape') FROM webhooks";
    let stored = rail
        .database
        .ask(&format!("SELECT to_jsonb(({stored}))"))
        .await;
    assert!(!stored.to_string().contains("whsec_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_webhook_is_not_there_and_its_events_are_not_told() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    let other = rail.caller_of("another", Scope::ALL).await;
    for (method, rest) in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/test"),
        ("POST", "/rotate-secret"),
        ("POST", "/resend"),
        ("POST", "/recover"),
        ("GET", "/attempts"),
    ] {
        let method: reqwest::Method = method.parse().unwrap();
        let path = format!("{}{rest}", path(&webhook));
        let body = json!({"eventId": "evt_01k9c4e7rzf8tv5b2n6wq3xm0d"});
        let mut request = other.request(method.clone(), &path);
        if rest == "/resend" {
            request = request.json(&body);
        } else if method == "PATCH" || rest == "/recover" {
            request = request.json(&json!({}));
        }
        let answer = rail_tests::harness::send(request).await;
        assert_eq!(answer.problem(404), "not-found", "{path}");
    }
    other.connect_stripe().await;
    connections(&rail, 1).await;
    let messages = taken(&receiver, 1).await;
    let mine = rail.caller.get("/events").await.expect(200);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].body, mine[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_deleted_leaves_nothing() {
    let (rail, receiver) = (rail(1).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    connections(&rail, 1).await;
    // It is taken, and that is noted.
    until(&rail, &webhook, |row| row["sequence"] == 1).await;
    let deleted = rail.caller.delete(&path(&webhook)).await;
    assert_eq!(deleted.status, 204);
    let left = "SELECT (SELECT count(*) FROM webhooks) + (SELECT count(*) FROM webhook_attempts)
                + (SELECT count(*) FROM webhook_lanes) + (SELECT count(*) FROM jobs WHERE kind = 'delivery')";
    assert_eq!(rail.database.ask(left).await, 0);
    connections(&rail, 1).await;
    assert_eq!(receiver.heard().len(), 1);
    let audited =
        "SELECT jsonb_agg(action ORDER BY id) FROM audit_log WHERE action LIKE 'webhook.%'";
    assert_eq!(
        rail.database.ask(audited).await,
        json!(["webhook.create", "webhook.delete"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_of_a_webhook_is_none_of_those_that_are_listed() {
    let (rail, receiver) = (rail(0).await, Receiver::start().await);
    let webhook = told(&rail, &receiver, json!({})).await;
    assert_eq!(rail.caller.get("/jobs").await.expect(200), json!([]));
    let job = text(&webhook, "webhookId").replace("whk_", "job_");
    let hidden = rail.caller.get(&format!("/jobs/{job}")).await;
    assert_eq!(hidden.problem(404), "not-found");
    let kind = rail.caller.get("/jobs?kind=delivery").await;
    assert_eq!(kind.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_up_to_a_hundred_webhooks() {
    let (rail, receiver) = (rail(0).await, Receiver::start().await);
    told(&rail, &receiver, json!({})).await;
    rail.database
        .run("INSERT INTO webhooks (id, tenant_id, url, sealed, sealed_by, header_names, read_seq)
              SELECT gen_random_uuid(), tenant_id, url, sealed, sealed_by, header_names, read_seq FROM webhooks, generate_series(1, 99)")
        .await;
    let refused = rail
        .caller
        .post("/webhooks", &json!({"url": receiver.url()}))
        .await;
    assert_eq!(refused.faults(), [" too-many-webhooks"]);
}
