//! Making a snapshot: whole or not there, whoever dies meanwhile.

use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::{Fault, Rule};
use serde_json::{Value, json};

use super::{
    asked, begun, customers, digest, nothing_is_left, path_of, records, stall_after_two_pages,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_whose_worker_dies_is_seen_when_it_is_whole_and_not_before() {
    let rail = Rail::builder().customers(450).workers(0);
    let rail = rail.short_lease().start().await;
    let stripe = rail.connect_stripe().await;
    let first = rail.start_worker();
    stall_after_two_pages(&rail);
    let (sync, taken) = begun(&rail, &stripe).await;
    let listed = format!("/connections/{stripe}/snapshots");

    assert_eq!(rail.caller.get(&taken).await.problem(404), "not-found");
    let early = rail.caller.get(&format!("{taken}/records/customers")).await;
    assert_eq!(early.problem(404), "not-found");
    assert_eq!(rail.caller.delete(&taken).await.problem(404), "not-found");
    assert_eq!(rail.caller.get(&listed).await.expect(200), json!([]));
    first.kill();
    rail.sandbox.faults().clear();
    rail.start_worker();

    let done = rail.ended(&sync).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    let stats = &done["stats"]["customers"];
    assert_eq!(
        (&stats["created"], &stats["fetched"]),
        (&json!(450), &json!(450))
    );
    let held = records(&rail, &taken).await;
    let mut ids = rail.sandbox.stripe().ids("customers");
    ids.sort();
    assert!(
        held.iter()
            .map(|record| text(record, "externalId"))
            .eq(&ids)
    );
    assert_eq!(
        customers(&rail, &taken).await["digest"],
        digest(&rail, &held).await
    );
    let shown = rail.caller.get(&listed).await.expect(200);
    assert_eq!(shown, json!([rail.caller.get(&taken).await.expect(200)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_fails_leaves_nothing_and_is_made_anew_when_it_is_tried_again() {
    let rail = Rail::builder().customers(350).start().await;
    let stripe = rail.connect_stripe().await;
    let forbidden = Fault::Status { status: 403 };
    rail.sandbox
        .faults()
        .add(Rule::new(forbidden).on("/v1/customers").after(2).always());

    let failed = rail.sync(&stripe, &asked("SNAPSHOT")).await;

    assert_eq!(failed["status"], "FAILED", "{failed}");
    assert_eq!(failed["progress"]["recordsFetched"], 200);
    let taken = path_of(&stripe, &failed);
    assert_eq!(rail.caller.get(&taken).await.problem(404), "not-found");
    nothing_is_left(&rail).await;

    rail.sandbox.faults().clear();
    rail.sandbox
        .stripe()
        .delete("customers", &rail.sandbox.stripe().ids("customers")[0]);
    let job = text(&failed, "syncId").replace("sync_", "job_");
    let again = rail
        .caller
        .post(&format!("/jobs/{job}/retry"), &Value::Null)
        .await;
    let _ = again.expect(202);
    let done = rail
        .ended(&format!(
            "/connections/{stripe}/sync/{}",
            text(&failed, "syncId")
        ))
        .await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(
        done["stats"]["customers"]["fetched"], 349,
        "nothing is counted twice"
    );
    assert_eq!(records(&rail, &taken).await.len(), 349);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_cancelled_leaves_nothing() {
    let rail = Rail::builder().customers(350).start().await;
    let stripe = rail.connect_stripe().await;
    stall_after_two_pages(&rail);
    let (sync, taken) = begun(&rail, &stripe).await;

    let _ = rail
        .caller
        .post(&format!("{sync}/cancel"), &Value::Null)
        .await
        .expect(202);

    assert_eq!(rail.ended(&sync).await["status"], "CANCELLED");
    assert_eq!(rail.caller.get(&taken).await.problem(404), "not-found");
    nothing_is_left(&rail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_stored_is_told_and_one_that_comes_twice_is_counted_once() {
    let rail = Rail::builder().customers(250).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sandbox
        .faults()
        .on("/v1/customers", 1, Fault::NulInString);
    rail.sandbox.faults().add(
        Rule::new(Fault::DuplicateAcrossPages)
            .on("/v1/customers")
            .after(1),
    );

    let done = rail.sync(&stripe, &asked("SNAPSHOT")).await;

    let stats = &done["stats"]["customers"];
    assert_eq!(
        (&stats["errors"], &stats["created"]),
        (&json!(1), &json!(249)),
        "{done}"
    );
    assert_eq!(stats["fetched"], 250 + stats["unchanged"].as_i64().unwrap());
    let taken = path_of(&stripe, &done);
    let shown = customers(&rail, &taken).await;
    assert_eq!(
        (&shown["records"], &shown["errors"]),
        (&json!(249), &json!(1))
    );
    assert_eq!(records(&rail, &taken).await.len(), 249);
}
