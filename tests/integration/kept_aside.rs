//! What syncs keep aside for a sweep: used, or forgotten, and in nobody's way.

use rail_shared::domain::{Clock, ConnectionId, JobId, SyncId};
use rail_shared::store::sweep::{self, Walked};
use rail_shared::store::{StoreError, leases, streams};
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

const KEPT: &str =
    "SELECT (SELECT count(*) FROM seen_records) + (SELECT count(*) FROM missing_records)";

fn full() -> Value {
    json!({"entities": ["customers"], "mode": "FULL"})
}

/// A sync that walks a range without any records.
fn empty_range() -> Value {
    json!({"entities": ["customers"], "dateRange": {"from": "2001-01-01", "to": "2001-01-02"}})
}

async fn present(rail: &Rail) -> Value {
    let sql = "SELECT count(*) FROM records WHERE deleted_at IS NULL";
    rail.database.ask(sql).await
}

async fn nothing_is_kept(rail: &Rail) {
    wait_until(SOON, "what was kept aside is forgotten", async || {
        rail.database.ask(KEPT).await == 0
    })
    .await;
}

/// Forbids the third page of customers, and what follows it.
fn forbid_the_third_page(rail: &Rail) {
    let forbidden = Fault::Status { status: 403 };
    rail.sandbox
        .faults()
        .add(Rule::new(forbidden).on("/v1/customers").after(2).always());
}

async fn retried(rail: &Rail, stripe: &str, sync: &Value) -> Value {
    let id = text(sync, "syncId");
    let retry = format!("/jobs/{}/retry", id.replace("sync_", "job_"));
    let _ = rail.caller.post(&retry, &Value::Null).await.expect(202);
    rail.ended(&format!("/connections/{stripe}/sync/{id}"))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_turns_out_to_be_no_complete_one_forgets_what_it_saw_when_it_ends() {
    let rail = Rail::builder().customers(1_400).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    // Not among those of its first batch.
    let fault = Rule::new(Fault::RecordWithoutId).on("/v1/customers");
    rail.sandbox.faults().add(fault.after(13));

    let done = rail.sync(&stripe, &full()).await;

    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["customers"]["errors"], 1, "{done}");
    assert_eq!(done["stats"]["customers"]["unchanged"], 1_399);
    assert_eq!(rail.database.ask(KEPT).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_failed_keeps_what_it_saw_until_another_one_makes_it_useless() {
    let rail = Rail::builder().customers(350).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    forbid_the_third_page(&rail);
    let failed = rail.sync(&stripe, &full()).await;
    assert_eq!(failed["status"], "FAILED", "{failed}");
    assert_eq!(failed["progress"]["recordsFetched"], 200);
    // A round of upkeep, which forgets what a completed sync would have kept, leaves it.
    let useless = "INSERT INTO seen_records SELECT id, 0, '{}' FROM jobs WHERE state = 'COMPLETED'";
    rail.database.run(useless).await;
    rail.start_worker();
    wait_until(SOON, "a round of upkeep", async || {
        let left = "SELECT count(*) FROM seen_records WHERE stream_id = 0";
        rail.database.ask(left).await == 0
    })
    .await;
    assert_ne!(rail.database.ask(KEPT).await, 0);
    rail.sandbox.faults().clear();
    let resumed = retried(&rail, &stripe, &failed).await;
    assert_eq!(
        (
            &resumed["status"],
            &resumed["stats"]["customers"]["deleted"]
        ),
        (&json!("COMPLETED"), &json!(0)),
        "{resumed}"
    );

    forbid_the_third_page(&rail);
    let failed = rail.sync(&stripe, &full()).await;
    rail.sandbox.faults().clear();
    assert_ne!(rail.database.ask(KEPT).await, 0);
    let later = rail.sync(&stripe, &empty_range()).await;
    assert_eq!(later["status"], "COMPLETED", "{later}");
    nothing_is_kept(&rail).await;

    // It cannot tell any more what it had seen, so it deletes nothing.
    let again = retried(&rail, &stripe, &failed).await;
    let message = text(&again["error"], "message");
    assert!(message.contains("Another sync ran since"), "{message}");
    assert_eq!(present(&rail).await, 350);
    nothing_is_kept(&rail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_cancelled_keeps_nothing() {
    let rail = Rail::builder().customers(350).start().await;
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    let slow = Fault::Slow { delay_ms: 60_000 };
    rail.sandbox
        .faults()
        .add(Rule::new(slow).on("/v1/customers").after(2));
    let syncs = format!("/connections/{stripe}/sync");
    let sync = rail.caller.post(&syncs, &full()).await.expect(202);
    let sync = format!("{syncs}/{}", text(&sync, "syncId"));
    rail.until(&sync, |sync| sync["progress"]["recordsFetched"] == 200)
        .await;
    assert_ne!(rail.database.ask(KEPT).await, 0);

    let cancel = rail
        .caller
        .post(&format!("{sync}/cancel"), &Value::Null)
        .await;
    let _ = cancel.expect(202);

    assert_eq!(rail.ended(&sync).await["status"], "CANCELLED");
    nothing_is_kept(&rail).await;
}

/// Records that no sync has seen.
const UNSEEN: &str = "\
    INSERT INTO records (stream_id, external_id, payload, fingerprint, as_of, changed_at, change_set, first_change_set)
    SELECT id, 'cus_' || n, '{}', '', now(), now() - interval '1 hour', 0, 0 FROM streams, generate_series(1, 100) n";

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_erased_while_a_sweep_is_weighed_is_erased_and_the_sweep_gives_up() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let accepted = rail
        .caller
        .post(&format!("/connections/{stripe}/sync"), &full())
        .await
        .expect(202);
    let sync: SyncId = text(&accepted, "syncId").parse().unwrap();
    let connection: ConnectionId = stripe.parse().unwrap();
    let store = rail.database.unhurried();
    let mut conn = store.connect().await.unwrap();
    let claimed = leases::claim(&mut conn, &[(JobId::from(sync), 0)], "w", SOON * 4).await;
    let lease = claimed.unwrap().leases.pop().expect("it waits");
    let stream = streams::ensure(&mut conn, lease.tenant_id, connection, "customers")
        .await
        .unwrap();
    drop(conn);
    rail.database.run(UNSEEN).await;
    let walked = Walked {
        sync_id: sync,
        tenant_id: lease.tenant_id,
        entity: "customers",
        stream_id: stream.id,
        began_at: Clock::system().now(),
    };

    let path = format!("/connections/{stripe}");
    let (caller, mut erased) = (rail.caller.clone(), None);
    let weighed = sweep::weigh(&store, &lease, &walked, &json!({}), |found| {
        assert_eq!((found.missing, found.present), (100, 100));
        // Now it has written what is missing, and the connection is erased as far as that goes meanwhile.
        let erasing = tokio::spawn(async move { caller.delete(&path).await });
        block_in_place(|| {
            Handle::current().block_on(wait_until(
                SOON,
                "the connection is erased, or waits",
                async || erasing.is_finished() || rail.database.at_locks().await == 1,
            ));
        });
        erased = Some(erasing);
        true
    })
    .await;

    assert!(matches!(weighed, Err(StoreError::LeaseLost)), "{weighed:?}");
    assert_eq!(erased.unwrap().await.unwrap().status, 204);
    assert_eq!(rail.database.ask(KEPT).await, 0);
    assert_eq!(rail.database.ask("SELECT count(*) FROM records").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_erased_takes_along_what_its_syncs_kept_aside() {
    let rail = Rail::builder().customers(350).workers(0).start().await;
    let worker = rail.start_worker();
    let stripe = rail.connect_stripe().await;
    rail.sync(&stripe, &full()).await;
    forbid_the_third_page(&rail);
    rail.sync(&stripe, &full()).await;
    worker.stop();
    worker.ended().await;
    assert_ne!(rail.database.ask(KEPT).await, 0);

    let erased = rail.caller.delete(&format!("/connections/{stripe}")).await;

    assert_eq!(erased.status, 204);
    assert_eq!(rail.database.ask(KEPT).await, 0);
}
