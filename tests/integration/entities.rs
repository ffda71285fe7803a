//! What was read of an entity is shown, and forgotten on request.

use rail_shared::domain::{ConnectionId, Scope, SyncId, SyncMode, Tolerance, Trigger};
use rail_shared::store::connections;
use rail_shared::store::syncs::{self, NewSync};
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use crate::coverage::{ask, entity, fetched};

#[tokio::test(flavor = "multi_thread")]
async fn the_entities_of_a_connection_are_its_connectors_in_their_order() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &ask("FULL", "products")).await;
    rail.database
        .run("UPDATE streams SET entity = 'unicorns' WHERE entity = 'products'")
        .await;

    let listed = rail
        .caller
        .get(&format!("/connections/{stripe}/entities"))
        .await;

    assert_eq!(listed.body["page"], json!({"nextCursor": null}));
    let listed = listed.expect(200);
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|entity| text(entity, "name"))
        .collect();
    let connectors = rail.caller.get("/connectors").await.expect(200);
    let own = connectors[0]["entities"].as_array().unwrap();
    let own = own.iter().map(|name| name.as_str().unwrap());
    assert_eq!(names, own.chain(["unicorns"]).collect::<Vec<_>>());
    assert_eq!(
        listed[0],
        json!({"name": "customers", "through": null, "coverage": [], "lastReadAt": null, "lastSyncId": null})
    );
    let gone = &listed[names.len() - 1];
    assert!(gone["through"].is_string() && gone["lastReadAt"].is_string());

    let stranger = rail.caller_of("another", Scope::ALL).await;
    for path in ["entities", "entities/customers"] {
        let theirs = stranger.get(&format!("/connections/{stripe}/{path}")).await;
        assert_eq!(theirs.problem(404), "not-found");
    }
    let none = rail
        .caller
        .get(&format!("/connections/{stripe}/entities/dragons%00"))
        .await;
    assert_eq!(none.problem(404), "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_is_reset_is_read_from_the_beginning_and_keeps_its_records() {
    let rail = Rail::builder().customers(150).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &ask("INCREMENTAL", "customers")).await;
    rail.sync(&stripe, &ask("INCREMENTAL", "products")).await;
    let reset = format!("/connections/{stripe}/entities/customers/reset");

    let forgotten = rail.caller.post(&reset, &Value::Null).await.expect(200);

    assert_eq!(
        (&forgotten["through"], &forgotten["coverage"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(entity(&rail, &stripe, "customers").await, forgotten);
    let other = entity(&rail, &stripe, "products").await;
    assert!(other["through"].is_string(), "only the one");
    let audited = "SELECT jsonb_agg(subject) FROM audit_log WHERE action = 'entity.reset'";
    assert_eq!(
        rail.database.ask(audited).await,
        json!([format!("{stripe}/customers")])
    );
    assert_eq!(rail.database.ask("SELECT count(*) FROM records").await, 150);
    let next = rail.sync(&stripe, &ask("INCREMENTAL", "customers")).await;
    assert_eq!(fetched(&next, "customers"), 150);
    assert_eq!(next["stats"]["customers"]["unchanged"], 150);

    let stranger = rail.caller_of("another", Scope::ALL).await;
    let theirs = stranger.post(&reset, &Value::Null).await;
    assert_eq!(theirs.problem(404), "not-found");
    let unknown = format!("/connections/{stripe}/entities/unicorns/reset");
    let unknown = rail.caller.post(&unknown, &Value::Null).await;
    assert_eq!(unknown.problem(404), "not-found");
    let reader = rail.caller_of("default", &[Scope::Read]).await;
    let unentitled = reader.post(&reset, &Value::Null).await;
    assert_eq!(unentitled.problem(403), "insufficient-scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_is_not_reset_while_a_sync_is_active() {
    let rail = Rail::builder().customers(20).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &ask("INCREMENTAL", "customers")).await;
    let before = entity(&rail, &stripe, "customers").await;
    let slow = Fault::Slow { delay_ms: 60_000 };
    rail.sandbox.faults().add(Rule::new(slow).always());
    let active = rail
        .caller
        .post(
            &format!("/connections/{stripe}/sync"),
            &ask("FULL", "products"),
        )
        .await
        .expect(202);

    let refused = rail
        .caller
        .post(
            &format!("/connections/{stripe}/entities/customers/reset"),
            &Value::Null,
        )
        .await;

    assert_eq!(refused.problem(409), "sync-already-active");
    assert_eq!(refused.body["syncId"], active["syncId"]);
    assert!(
        refused
            .header("location")
            .ends_with(text(&active, "syncId"))
    );
    assert_eq!(entity(&rail, &stripe, "customers").await, before);
}

/// Waits until somebody stands at a lock.
async fn somebody_waits(rail: &Rail) {
    wait_until(SOON, "somebody to stand at a lock", async || {
        rail.database.at_locks().await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_waits_for_a_sync_that_is_being_accepted_and_is_refused() {
    let rail = Rail::builder().customers(20).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &ask("INCREMENTAL", "customers")).await;
    let before = entity(&rail, &stripe, "customers").await;
    let tenant = rail.database.ask("SELECT tenant_id FROM connections").await;
    let tenant: uuid::Uuid = tenant.as_str().unwrap().parse().unwrap();
    let connection: ConnectionId = stripe.parse().unwrap();
    let new = NewSync {
        tenant_id: tenant.into(),
        connection_id: connection,
        mode: SyncMode::Full,
        date_range: None,
        targets: None,
        entities: &["customers".to_owned()],
        tolerance: Tolerance::default(),
        trigger: Trigger::Request,
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    let mut accepting = rail.database.unhurried().begin().await.unwrap();
    let accepted = syncs::accept(&mut accepting, &new, None).await.unwrap();
    let id: SyncId = accepted.asked.id;

    let caller = rail.caller.clone();
    let path = format!("/connections/{stripe}/entities/customers/reset");
    let reset = tokio::spawn(async move { caller.post(&path, &Value::Null).await });
    somebody_waits(&rail).await;
    accepting.commit().await.unwrap();

    let refused = reset.await.unwrap();
    assert_eq!(refused.problem(409), "sync-already-active");
    assert_eq!(refused.body["syncId"], id.to_string());
    let after = entity(&rail, &stripe, "customers").await;
    assert!(after["through"].as_str() >= before["through"].as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_begins_a_sync_waits_for_a_reset_that_is_under_way() {
    let rail = Rail::builder().customers(20).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let failed = rail.caller.post(&path, &Value::Null).await.expect(202);
    let end = "UPDATE jobs SET state = 'FAILED', finished_at = now()";
    rail.database.run(end).await;
    let tenant = rail.database.ask("SELECT tenant_id FROM connections").await;
    let tenant: uuid::Uuid = tenant.as_str().unwrap().parse().unwrap();
    let retry = format!(
        "/jobs/{}/retry",
        text(&failed, "syncId").replace("sync_", "job_")
    );
    let body = ask("FULL", "customers");

    for (begin, body) in [(&retry, &Value::Null), (&path, &body)] {
        rail.database.run(end).await;
        let mut resetting = rail.database.unhurried().begin().await.unwrap();
        let held = connections::hold(&mut resetting, tenant.into(), stripe.parse().unwrap());
        held.await.unwrap().expect("it is there");
        let (caller, begin, body) = (rail.caller.clone(), begin.clone(), body.clone());
        let begun = tokio::spawn(async move { caller.post(&begin, &body).await });
        somebody_waits(&rail).await;
        assert!(!begun.is_finished());
        resetting.commit().await.unwrap();
        assert_eq!(begun.await.unwrap().status / 100, 2);
    }
}
