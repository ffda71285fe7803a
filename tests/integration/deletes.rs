//! What vanished at the vendor: deleted after a complete walk, and only then, and not when too much would go.

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::Fault;
use serde_json::{Value, json};

fn full() -> Value {
    json!({"entities": ["customers"], "mode": "FULL"})
}

/// The ids of the records that are shown.
async fn shown(rail: &Rail, query: &str) -> Vec<String> {
    let listed = rail
        .caller
        .get(&format!("/records/customers?limit=200{query}"))
        .await;
    let records = listed.expect(200);
    let records = records.as_array().expect("a list").iter();
    records
        .map(|record| text(record, "externalId").to_owned())
        .collect()
}

/// Allows the connection to delete more, retries the sync, and waits for its end.
async fn retried(rail: &Rail, stripe: &str, sync: &Value, fraction: f64) -> Value {
    let patch = json!({"config": {"maxDeleteFraction": fraction}});
    let connection = format!("/connections/{stripe}");
    let _ = rail.caller.patch(&connection, &patch).await.expect(200);
    let id = text(sync, "syncId");
    let retry = format!("/jobs/{}/retry", id.replace("sync_", "job_"));
    let _ = rail.caller.post(&retry, &Value::Null).await.expect(202);
    rail.ended(&format!("{connection}/sync/{id}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sync_deletes_what_the_vendors_complete_list_does_not_hold_any_more() {
    let rail = Rail::builder().customers(130).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    let ids = rail.sandbox.stripe().ids("customers");
    for id in &ids[10..40] {
        rail.sandbox.stripe().delete("customers", id);
    }

    let done = rail.sync(&stripe, &full()).await;

    assert_eq!(done["status"], "COMPLETED", "{done}");
    let stats = &done["stats"]["customers"];
    assert_eq!(
        (&stats["deleted"], &stats["fetched"]),
        (&json!(30), &json!(100))
    );
    let here = shown(&rail, "").await;
    assert_eq!(here.len(), 100);
    assert!(ids[10..40].iter().all(|id| !here.contains(id)));
    assert_eq!(
        shown(&rail, "&includeDeleted=true").await.len(),
        130,
        "tombstones stay readable"
    );
    let kept =
        "SELECT (SELECT count(*) FROM seen_records) + (SELECT count(*) FROM missing_records)";
    assert_eq!(
        rail.database.ask(kept).await,
        0,
        "nothing is kept aside any longer"
    );

    let again = rail.sync(&stripe, &full()).await;
    assert_eq!(
        again["stats"]["customers"]["deleted"], 0,
        "each is deleted once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_would_delete_too_much_deletes_nothing_and_fails_until_it_is_allowed_to() {
    let rail = Rail::builder().customers(10).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    for id in &rail.sandbox.stripe().ids("customers")[..4] {
        rail.sandbox.stripe().delete("customers", id);
    }
    rail.sandbox.stripe().create("customers", 1);

    let refused = rail.sync(&stripe, &full()).await;

    assert_eq!(refused["status"], "FAILED", "{refused}");
    assert_eq!(refused["error"]["kind"], "deletes-refused");
    let message = text(&refused["error"], "message");
    assert!(message.contains("4 of 11 customers"), "{message}");
    let stats = &refused["stats"]["customers"];
    assert_eq!(
        (&stats["created"], &stats["deleted"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(shown(&rail, "").await.len(), 11);

    // The same job goes through once the connection allows it, and reads nothing again.
    rail.sandbox.requests().clear();
    let done = retried(&rail, &stripe, &refused, 0.5).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["customers"]["deleted"], 4);
    assert_eq!(rail.sandbox.requests().count("/v1/customers"), 0);
    assert_eq!(shown(&rail, "").await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_may_be_asked_with_a_limit_of_its_own() {
    let rail = Rail::builder().customers(3).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    for id in rail.sandbox.stripe().ids("customers") {
        rail.sandbox.stripe().delete("customers", &id);
    }
    let refused = rail.sync(&stripe, &full()).await;
    assert_eq!(refused["status"], "FAILED");
    let mut all = full();
    all["maxDeleteFraction"] = json!(1);
    let done = rail.sync(&stripe, &all).await;
    assert_eq!(
        (&done["status"], &done["stats"]["customers"]["deleted"]),
        (&json!("COMPLETED"), &json!(3))
    );

    all["maxDeleteFraction"] = json!(1.5);
    let answer = rail
        .caller
        .post(&format!("/connections/{stripe}/sync"), &all)
        .await;
    assert_eq!(answer.problem(422), "invalid");
    assert_eq!(answer.faults(), ["/maxDeleteFraction invalid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_through_a_part_deletes_nothing() {
    let rail = Rail::builder().customers(10).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    rail.sandbox
        .stripe()
        .delete("customers", &rail.sandbox.stripe().ids("customers")[0]);
    let mut part = full();
    part["dateRange"] = json!({"from": "2001-01-01", "to": "2001-01-02"});

    let done = rail.sync(&stripe, &part).await;

    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(shown(&rail, "").await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_any_more_is_not_taken_for_gone() {
    let rail = Rail::builder().customers(20).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    for fault in [Fault::NulInString, Fault::RecordWithoutId] {
        rail.sandbox.requests().clear();
        rail.sandbox.faults().on("/v1/customers", 1, fault);
        let done = rail.sync(&stripe, &full()).await;
        let stats = &done["stats"]["customers"];
        assert_eq!(
            (&stats["errors"], &stats["deleted"]),
            (&json!(1), &json!(0)),
            "{done}"
        );
        assert_eq!(shown(&rail, "").await.len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sync_that_is_retried_after_a_later_one_deletes_nothing() {
    let rail = Rail::builder().customers(10).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    for id in &rail.sandbox.stripe().ids("customers")[..4] {
        rail.sandbox.stripe().delete("customers", id);
    }
    let refused = rail.sync(&stripe, &full()).await;
    assert_eq!(refused["error"]["kind"], "deletes-refused", "{refused}");
    let part =
        json!({"entities": ["customers"], "dateRange": {"from": "2001-01-01", "to": "2001-01-02"}});
    let later = rail.sync(&stripe, &part).await;
    assert_eq!(later["status"], "COMPLETED", "{later}");

    let again = retried(&rail, &stripe, &refused, 1.0).await;

    let message = text(&again["error"], "message");
    assert!(message.contains("Another sync ran since"), "{message}");
    assert_eq!(shown(&rail, "").await.len(), 10);
}
