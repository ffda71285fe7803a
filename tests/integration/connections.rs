//! Connections over HTTP: created, read, changed, tested, erased; and nobody sees another tenant's.

use rail_shared::domain::Scope;
use rail_tests::harness::{Rail, send, text};
use rail_tests::sandbox::stripe::DEFAULT_KEY;
use reqwest::Method;
use serde_json::{Value, json};

/// As ordered, word for word.
fn ordered() -> Value {
    json!({
        "connectorId": "stripe",
        "name": "Production Stripe",
        "credentials": {
            "apiKey": "${IOF_CONNECTOR_API_KEY}",
            "webhookSecret": "${IOF_CONNECTOR_WEBHOOK_SECRET}"
        },
        "config": {"syncInterval": "15m", "autoSync": true}
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ordered_example_makes_a_connection_that_works() {
    let rail = Rail::builder().customers(3).start().await;

    let answer = rail.caller.post("/connections", &ordered()).await;

    let location = answer.header("location").to_owned();
    let made = answer.expect(201);
    assert!(text(&made, "connectionId").starts_with("conn_"));
    assert!(location.ends_with(text(&made, "connectionId")));
    assert_eq!(
        (
            text(&made, "connectorId"),
            text(&made, "name"),
            text(&made, "status")
        ),
        ("stripe", "Production Stripe", "ACTIVE")
    );
    assert_eq!(made["lastSyncAt"], Value::Null);
    assert!(text(&made, "createdAt").ends_with('Z'));
    assert_eq!(
        made["config"],
        json!({"syncInterval": "15m", "autoSync": true})
    );

    let tested = rail
        .caller
        .post(
            &format!("/connections/{}/test", text(&made, "connectionId")),
            &Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(
        (&tested["success"], text(&tested, "version")),
        (&json!(true), "2026-10-28.endive")
    );
    assert_eq!(tested["permissions"], json!(["read", "write"]));
    assert!(tested["latency"].is_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_no_row_and_no_dump_shows_a_credential() {
    let rail = Rail::builder().start().await;
    let mut body = ordered();
    body["credentials"] = json!({"apiKey": DEFAULT_KEY, "webhookSecret": "whsec_very_secret"});
    let made = rail.caller.post("/connections", &body).await;
    let id = text(&made.clone().expect(201), "connectionId").to_owned();
    let read = rail.caller.get(&format!("/connections/{id}")).await;
    let listed = rail.caller.get("/connections").await;

    for seen in [made.text, read.text, listed.text] {
        assert!(
            !seen.contains(DEFAULT_KEY) && !seen.contains("whsec_"),
            "{seen}"
        );
    }
    let row = rail.database.ask("SELECT to_jsonb(c) || jsonb_build_object('hex', encode(sealed_credentials, 'escape')) FROM connections c").await;
    assert!(!row.to_string().contains(DEFAULT_KEY) && !row.to_string().contains("whsec_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_the_vendor_refuses_make_no_connection() {
    let rail = Rail::builder().start().await;
    let mut body = ordered();
    body["credentials"]["apiKey"] = json!("sk_test_wrong");

    let refused = rail.caller.post("/connections", &body).await;

    assert_eq!(refused.problem(422), "credentials-rejected");
    assert_eq!(
        rail.database.ask("SELECT count(*) FROM connections").await,
        0
    );
    let unprobed = rail
        .caller
        .post("/connections?verify=false", &body)
        .await
        .expect(201);
    let tested = rail
        .caller
        .post(
            &format!("/connections/{}/test", text(&unprobed, "connectionId")),
            &Value::Null,
        )
        .await
        .expect(200);
    assert_eq!(
        (&tested["success"], text(&tested["error"], "code")),
        (&json!(false), "credentials-rejected")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_body_is_told_at_once_and_nothing_is_stored() {
    let rail = Rail::builder().start().await;
    let body = json!({
        "connectorId": "stripe", "name": "", "colour": "red",
        "credentials": {"apiKey": 5, "token": "x"},
        "config": {"syncInterval": "15 minutes", "autoSync": "yes"}
    });

    let refused = rail.caller.post("/connections", &body).await;

    assert_eq!(refused.status, 422);
    let faults = refused.faults();
    for pointer in [
        "/name",
        "/colour",
        "/credentials/apiKey",
        "/credentials/token",
        "/config/syncInterval",
        "/config/autoSync",
    ] {
        assert!(
            faults
                .iter()
                .any(|fault| fault.starts_with(&format!("{pointer} "))),
            "{pointer} in {faults:?}"
        );
    }
    assert_eq!(
        rail.database.ask("SELECT count(*) FROM connections").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_needs_the_version_it_was_made_for() {
    let rail = Rail::builder().start().await;
    let id = rail.connect_stripe().await;
    let path = format!("/connections/{id}");
    let tag = rail.caller.get(&path).await.header("etag").to_owned();

    let patched = rail
        .caller
        .patch(
            &path,
            &json!({"name": "Renamed", "config": {"syncInterval": "1h"}}),
        )
        .await;
    assert_ne!(patched.header("etag"), tag);
    assert_eq!(patched.expect(200)["name"], "Renamed");

    let stale = rail
        .caller
        .request(Method::PATCH, &path)
        .header("If-Match", &tag)
        .json(&json!({"name": "Late"}));
    assert_eq!(send(stale).await.problem(412), "changed-meanwhile");
    let now = rail.caller.get(&path).await.expect(200);
    assert_eq!(
        (&now["name"], &now["config"]["syncInterval"]),
        (&json!("Renamed"), &json!("1h"))
    );
    let wrong = rail
        .caller
        .patch(&path, &json!({"name": 3, "status": "ACTIVE"}))
        .await;
    assert_eq!(wrong.faults().len(), 2, "{}", wrong.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_connection_takes_its_records_with_it() {
    let rail = Rail::builder().customers(20).start().await;
    let id = rail.connect_stripe().await;
    rail.sync(&id, &json!({"entities": ["customers"]})).await;
    assert_eq!(rail.database.ask("SELECT count(*) FROM records").await, 20);

    assert_eq!(
        rail.caller
            .delete(&format!("/connections/{id}"))
            .await
            .status,
        204
    );

    assert_eq!(
        rail.caller
            .get(&format!("/connections/{id}"))
            .await
            .problem(404),
        "not-found"
    );
    let left = "SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM streams) + (SELECT count(*) FROM jobs)";
    assert_eq!(rail.database.ask(left).await, 0);
    assert_eq!(
        rail.database
            .ask("SELECT count(*) FROM audit_log WHERE action LIKE 'connection%'")
            .await,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_and_touches_only_what_is_its_own() {
    let rail = Rail::builder().customers(5).start().await;
    let id = rail.connect_stripe().await;
    let sync = rail.sync(&id, &json!({"entities": ["customers"]})).await;
    let stranger = rail.caller_of("stranger", Scope::ALL).await;

    let path = format!("/connections/{id}");
    let sync_path = format!("{path}/sync/{}", text(&sync, "syncId"));
    for seen in [&path, &sync_path, &format!("{path}/sync")] {
        assert_eq!(stranger.get(seen).await.problem(404), "not-found", "{seen}");
    }
    assert_eq!(
        stranger.patch(&path, &json!({"name": "Mine"})).await.status,
        404
    );
    assert_eq!(stranger.delete(&path).await.status, 404);
    assert_eq!(
        stranger
            .post(&format!("{path}/test"), &Value::Null)
            .await
            .status,
        404
    );
    assert_eq!(
        stranger
            .post(&format!("{path}/sync"), &Value::Null)
            .await
            .status,
        404
    );
    assert_eq!(stranger.get("/connections").await.expect(200), json!([]));
    assert_eq!(
        stranger.get("/records/customers").await.expect(200),
        json!([])
    );
    assert_eq!(
        rail.caller
            .get("/records/customers")
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_its_scopes_say_until_it_is_revoked() {
    let rail = Rail::builder().start().await;
    let made = rail
        .caller
        .post(
            "/api-keys",
            &json!({"name": "Dashboard", "scopes": ["read"]}),
        )
        .await
        .expect(201);
    let reader = rail.caller.with_key(text(&made, "key"));

    assert_eq!(reader.get("/connections").await.status, 200);
    assert_eq!(
        reader.post("/connections", &ordered()).await.problem(403),
        "insufficient-scope"
    );
    assert_eq!(
        reader.get("/api-keys").await.problem(403),
        "insufficient-scope"
    );
    let listed = rail.caller.get("/api-keys").await;
    assert!(!listed.text.contains(text(&made, "key")));

    let path = format!("/api-keys/{}", text(&made, "keyId"));
    assert_eq!(rail.caller.delete(&path).await.status, 204);
    assert_eq!(
        reader.get("/connections").await.problem(401),
        "unauthorized"
    );
    assert_eq!(
        rail.caller
            .anonymous()
            .get("/connections")
            .await
            .problem(401),
        "unauthorized"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_walked_by_cursor_newest_first_without_gaps() {
    let rail = Rail::builder().start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(rail.connect_stripe().await);
    }
    made.reverse();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = rail
            .caller
            .get(&format!("/connections?limit=2{cursor}"))
            .await;
        assert_eq!(page.status, 200);
        seen.extend(
            page.body["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| text(one, "connectionId").to_owned()),
        );
        match page.body["page"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
    assert_eq!(
        rail.caller.get("/connections?limit=201").await.status / 100,
        4
    );
    assert_eq!(
        rail.caller.get("/connections?cursor=nonsense").await.status / 100,
        4
    );
    assert_eq!(
        rail.caller
            .get("/connections?status=ERROR")
            .await
            .expect(200),
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_paused_and_resumed_by_its_owner_only() {
    let rail = Rail::builder().customers(1).start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}");
    let (pause, resume) = (format!("{path}/pause"), format!("{path}/resume"));
    let none = &Value::Null;

    let first = rail.caller.post(&pause, none).await;
    let etag = first.header("etag").to_owned();
    assert_eq!(text(&first.expect(200), "status"), "PAUSED");
    let again = rail.caller.post(&pause, none).await;
    assert_eq!(again.header("etag"), etag, "nothing was changed");
    let refused = rail.caller.post(&format!("{path}/sync"), none).await;
    assert_eq!(refused.problem(409), "connection-not-active");
    let resumed = rail.caller.post(&resume, none).await.expect(200);
    assert_eq!(text(&resumed, "status"), "ACTIVE");
    assert_eq!(rail.sync(&stripe, none).await["status"], "COMPLETED");

    rail.database
        .run("UPDATE connections SET status = 'REAUTH_REQUIRED', status_reason = 'The key was revoked.'")
        .await;
    for ask in [&pause, &resume] {
        let waits = rail.caller.post(ask, none).await;
        assert_eq!(waits.problem(409), "connection-not-active");
        assert!(text(&waits.body, "detail").contains("revoked"));
    }
    let stranger = rail.caller_of("another", Scope::ALL).await;
    assert_eq!(stranger.post(&pause, none).await.problem(404), "not-found");
    let audited = "SELECT jsonb_agg(action ORDER BY id) FROM audit_log WHERE action IN ('connection.pause', 'connection.resume')";
    assert_eq!(
        rail.database.ask(audited).await,
        json!(["connection.pause", "connection.resume"])
    );
}
