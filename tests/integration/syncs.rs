//! A sync, end to end: asked for over HTTP, run by a worker, its records and counts exact.

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::stripe::Settings;
use rail_tests::sandbox::{Fault, Rule};
use serde_json::{Value, json};

fn full(entities: &[&str]) -> Value {
    json!({"entities": entities, "mode": "FULL"})
}

fn incremental(entities: &[&str]) -> Value {
    json!({"entities": entities, "mode": "INCREMENTAL"})
}

/// The counts of an entity, in the order fetched, created, updated, unchanged, deleted, errors.
fn counts(sync: &Value, entity: &str) -> [i64; 6] {
    let of = &sync["stats"][entity];
    [
        "fetched",
        "created",
        "updated",
        "unchanged",
        "deleted",
        "errors",
    ]
    .map(|name| {
        of[name]
            .as_i64()
            .unwrap_or_else(|| panic!("no {name} of {entity} in {sync}"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sync_copies_every_record_as_the_vendor_sent_it() {
    let rail = Rail::builder().customers(1_234).start().await;
    let stripe = rail.connect_stripe().await;

    let done = rail.sync(&stripe, &full(&["customers"])).await;

    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(counts(&done, "customers"), [1_234, 1_234, 0, 0, 0, 0]);
    assert_eq!(
        (&done["attempt"], &done["error"]),
        (&json!(1), &Value::Null)
    );
    for id in rail.sandbox.stripe().ids("customers").iter().step_by(100) {
        let stored = rail
            .database
            .ask(&format!(
                "SELECT payload FROM records WHERE external_id = '{id}'"
            ))
            .await;
        assert_eq!(Some(stored), rail.sandbox.stripe().record("customers", id));
    }
    assert_eq!(
        rail.database.ask("SELECT count(*) FROM records").await,
        1_234
    );
    let pages = rail.sandbox.requests().to("/v1/customers");
    assert_eq!(pages.len(), 13, "pages of 100");
    assert!(pages.iter().all(|page| {
        page.header("stripe-version")
            .is_some_and(|version| version.starts_with("2026-"))
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_full_sync_writes_only_what_changed() {
    let rail = Rail::builder().customers(300).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full(&["customers"])).await;
    let untouched = "SELECT jsonb_agg(r.ctid::text ORDER BY external_id) FROM records r JOIN change_sets c ON c.id = r.change_set
        WHERE c.sync_id = (SELECT min(id::text)::uuid FROM syncs)";
    let ids = rail.sandbox.stripe().ids("customers");
    for id in &ids[..7] {
        rail.sandbox.stripe().update("customers", id, |customer| {
            customer["name"] = json!("Renamed");
        });
    }
    rail.sandbox.stripe().create("customers", 2);

    let done = rail.sync(&stripe, &full(&["customers"])).await;

    assert_eq!(counts(&done, "customers"), [302, 2, 7, 293, 0, 0]);
    let rows = rail.database.ask(untouched).await;
    assert_eq!(
        rows.as_array().unwrap().len(),
        293,
        "the others still belong to the first sync"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incremental_sync_reads_everything_at_first_and_then_only_changes() {
    let rail = Rail::builder().customers(250).start().await;
    let stripe = rail.connect_stripe().await;

    let first = rail.sync(&stripe, &incremental(&["customers"])).await;
    assert_eq!(counts(&first, "customers"), [250, 250, 0, 0, 0, 0]);

    let ids = rail.sandbox.stripe().ids("customers");
    rail.sandbox.stripe().clock().advance(5);
    rail.sandbox
        .stripe()
        .update("customers", &ids[3], |customer| {
            customer["name"] = json!("One");
        });
    rail.sandbox.stripe().clock().advance(5);
    rail.sandbox
        .stripe()
        .update("customers", &ids[3], |customer| {
            customer["name"] = json!("Two");
        });
    rail.sandbox.stripe().delete("customers", &ids[9]);
    let made = rail.sandbox.stripe().create("customers", 1);
    rail.sandbox.requests().clear();

    let second = rail.sync(&stripe, &incremental(&["customers"])).await;

    assert_eq!(second["status"], "COMPLETED", "{second}");
    let [_, created, updated, _, deleted, errors] = counts(&second, "customers");
    assert_eq!([created, updated, deleted, errors], [1, 1, 1, 0]);
    assert_eq!(
        rail.sandbox.requests().count("/v1/customers"),
        0,
        "the list is not walked again"
    );
    let name =
        |id: &str| format!("SELECT payload->>'name' FROM records WHERE external_id = '{id}'");
    assert_eq!(rail.database.ask(&name(&ids[3])).await, "Two");
    assert!(rail.database.ask(&name(&made[0])).await.is_string());
    let gone = format!(
        "SELECT deleted_at IS NOT NULL FROM records WHERE external_id = '{}'",
        ids[9]
    );
    assert_eq!(rail.database.ask(&gone).await, true);
}

/// Customers that change between two events of another, so that these stand on two pages of the feed.
fn change_many(rail: &Rail, ids: &[String]) {
    for id in ids {
        let stripe = rail.sandbox.stripe();
        stripe.update("customers", id, |customer| {
            customer["name"] = json!("Somebody");
        });
    }
    rail.sandbox.stripe().clock().advance(60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_came_and_went_between_two_syncs_stays_gone() {
    let rail = Rail::builder().customers(130).start().await;
    let connection = rail.connect_stripe().await;
    rail.sync(&connection, &incremental(&["customers"])).await;
    let others = rail.sandbox.stripe().ids("customers");
    rail.sandbox.stripe().clock().advance(60);
    let short_lived = rail.sandbox.stripe().create("customers", 1).remove(0);
    rail.sandbox.stripe().clock().advance(60);
    change_many(&rail, &others);
    rail.sandbox.stripe().delete("customers", &short_lived);

    let done = rail.sync(&connection, &incremental(&["customers"])).await;

    assert_eq!(counts(&done, "customers"), [132, 0, 130, 2, 0, 0]);
    assert_eq!(
        rail.caller
            .get("/records/customers?limit=200")
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        130
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_changed_and_changed_back_is_as_the_vendor_has_it() {
    let rail = Rail::builder().customers(130).start().await;
    let connection = rail.connect_stripe().await;
    rail.sync(&connection, &incremental(&["customers"])).await;
    let mut others = rail.sandbox.stripe().ids("customers");
    let wavering = others.remove(0);
    let before = rail
        .sandbox
        .stripe()
        .record("customers", &wavering)
        .unwrap();
    let stripe = rail.sandbox.stripe();
    stripe.clock().advance(60);
    stripe.update("customers", &wavering, |customer| {
        customer["name"] = json!("For a moment");
    });
    stripe.clock().advance(60);
    change_many(&rail, &others);
    stripe.update("customers", &wavering, |customer| {
        customer["name"] = before["name"].clone();
    });

    let done = rail.sync(&connection, &incremental(&["customers"])).await;

    assert_eq!(counts(&done, "customers"), [131, 0, 129, 2, 0, 0]);
    let stored = rail
        .database
        .ask(&format!(
            "SELECT payload FROM records WHERE external_id = '{wavering}'"
        ))
        .await;
    assert_eq!(stored, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entity_of_the_connector_is_synced_when_none_is_named() {
    let rail = Rail::builder()
        .sandbox(Settings::new(3).with_business(40))
        .start()
        .await;
    let stripe = rail.connect_stripe().await;

    let done = rail.sync(&stripe, &Value::Null).await;

    assert_eq!(
        (&done["status"], &done["mode"]),
        (&json!("COMPLETED"), &json!("INCREMENTAL")),
        "{done}"
    );
    let stats = done["stats"].as_object().unwrap();
    for entity in [
        "customers",
        "invoices",
        "charges",
        "payment_intents",
        "products",
        "prices",
        "subscriptions",
        "refunds",
    ] {
        let held = i64::try_from(rail.sandbox.stripe().count(entity)).unwrap();
        assert!(held > 0, "{entity}");
        assert_eq!(counts(&done, entity), [held, held, 0, 0, 0, 0], "{entity}");
    }
    let all: i64 = stats
        .values()
        .map(|of| of["fetched"].as_i64().unwrap())
        .sum();
    assert_eq!(rail.database.ask("SELECT count(*) FROM records").await, all);
    assert_eq!(done["progress"]["recordsFetched"], all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_stored_is_counted_and_kept_and_stops_nothing() {
    let rail = Rail::builder().customers(120).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sandbox
        .faults()
        .on("/v1/customers", 1, Fault::NulInString);

    let done = rail.sync(&stripe, &full(&["customers"])).await;

    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(counts(&done, "customers"), [120, 119, 0, 0, 0, 1]);
    assert_eq!(
        rail.database
            .ask("SELECT count(*) FROM record_errors WHERE payload IS NOT NULL")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_at_the_vendor_is_waited_out_and_nothing_is_counted_twice() {
    let rail = Rail::builder().customers(2_500).start().await;
    let stripe = rail.connect_stripe().await;
    for fault in [
        Fault::Status { status: 503 },
        Fault::TruncatedJson,
        Fault::ResetMidBody,
    ] {
        rail.sandbox
            .faults()
            .add(Rule::new(fault).on("/v1/customers").after(12).times(1));
    }

    let done = rail.sync(&stripe, &full(&["customers"])).await;

    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(counts(&done, "customers"), [2_500, 2_500, 0, 0, 0, 0]);
    assert!(done["attempt"].as_i64().unwrap() >= 2, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_revoked_fails_the_sync_and_asks_for_a_new_one() {
    let rail = Rail::builder().customers(10).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sandbox
        .faults()
        .on("/v1/customers", 1, Fault::Status { status: 401 });

    let done = rail.sync(&stripe, &full(&["customers"])).await;

    assert_eq!(done["status"], "FAILED");
    assert_eq!(
        (text(&done["error"], "kind"), &done["error"]["retryable"]),
        ("credentials-rejected", &json!(false))
    );
    let connection = rail
        .caller
        .get(&format!("/connections/{stripe}"))
        .await
        .expect(200);
    assert_eq!(connection["status"], "REAUTH_REQUIRED");
    let again = rail
        .caller
        .post(&format!("/connections/{stripe}/sync"), &Value::Null)
        .await;
    assert_eq!(again.problem(409), "connection-not-active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_is_refused_while_one_is_active_and_named() {
    let rail = Rail::builder().customers(10).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let first = rail
        .caller
        .post(&path, &full(&["customers"]))
        .await
        .expect(202);

    let second = rail.caller.post(&path, &full(&["customers"])).await;
    assert_eq!(second.problem(409), "sync-already-active");
    assert_eq!(second.body["syncId"], first["syncId"]);
    assert!(second.header("location").ends_with(text(&first, "syncId")));

    let attached = rail
        .caller
        .post(&format!("{path}?ifRunning=attach"), &full(&["customers"]))
        .await
        .expect(202);
    assert_eq!(attached["syncId"], first["syncId"]);
    assert_eq!(rail.database.ask("SELECT count(*) FROM jobs").await, 1);
}
