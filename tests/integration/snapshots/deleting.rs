//! Deleting snapshots: gone at once, and whole until then.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use rail_tests::harness::Rail;
use rail_tests::wait::{SOON, wait_until};
use serde_json::Value;

use super::{nothing_is_left, records, rename, snapshot, versions};

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_deleted_snapshot_held_is_reclaimed_and_nothing_else() {
    let rail = Rail::builder().customers(60).start().await;
    let stripe = rail.connect_stripe().await;
    let ids = rail.sandbox.stripe().ids("customers");
    let first = snapshot(&rail, &stripe).await;
    rename(&rail, &ids[..20], "Changed");
    let second = snapshot(&rail, &stripe).await;
    let held = records(&rail, &second).await;
    assert_eq!(versions(&rail).await, 80);

    let deleted = rail.caller.delete(&first).await;

    assert_eq!(deleted.status, 204);
    assert_eq!(rail.caller.get(&first).await.problem(404), "not-found");
    assert_eq!(rail.caller.delete(&first).await.problem(404), "not-found");
    let listed = format!("/connections/{stripe}/snapshots");
    assert_eq!(
        rail.caller
            .get(&listed)
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        1
    );
    wait_until(SOON, "the versions of the first are gone", async || {
        versions(&rail).await == 60
    })
    .await;
    assert_eq!(records(&rail, &second).await, held);
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'snapshot.delete'";
    assert_eq!(rail.database.ask(audited).await, 1);

    assert_eq!(rail.caller.delete(&second).await.status, 204);
    nothing_is_left(&rail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_a_connection_erases_its_snapshots() {
    let rail = Rail::builder().customers(30).start().await;
    let stripe = rail.connect_stripe().await;
    let taken = snapshot(&rail, &stripe).await;

    assert_eq!(
        rail.caller
            .delete(&format!("/connections/{stripe}"))
            .await
            .status,
        204
    );

    assert_eq!(rail.caller.get(&taken).await.problem(404), "not-found");
    nothing_is_left(&rail).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_snapshot_that_is_deleted_while_it_is_read_is_whole() {
    let rail = Rail::builder().customers(60).workers(0).start().await;
    let worker = rail.start_worker();
    let stripe = rail.connect_stripe().await;
    let first = snapshot(&rail, &stripe).await;
    let second = snapshot(&rail, &stripe).await;
    rename(&rail, &rail.sandbox.stripe().ids("customers"), "Changed");
    let third = snapshot(&rail, &stripe).await;
    worker.stop();
    worker.ended().await;
    let (_, third) = third.rsplit_once('/').unwrap();
    for (place, page) in [
        format!("{first}/records/customers"),
        format!("{second}/compare/{third}/records/customers"),
    ]
    .into_iter()
    .enumerate()
    {
        // The request has found the snapshot, and waits for its records while they are taken away.
        let mut deleting = AsyncPgConnection::establish(&rail.database.url())
            .await
            .unwrap();
        let begin = "BEGIN; LOCK TABLE snapshot_records IN ACCESS EXCLUSIVE MODE";
        deleting.batch_execute(begin).await.unwrap();
        let (caller, path) = (rail.caller.clone(), page.clone());
        let reading = tokio::spawn(async move { caller.get(&path).await });
        wait_until(SOON, "the page is waited for", async || {
            rail.database.at_locks().await == 1
        })
        .await;
        let part = format!("(SELECT no FROM snapshot_parts ORDER BY no OFFSET {place} LIMIT 1)");
        let delete = format!("DELETE FROM snapshot_records WHERE part_no = {part}; COMMIT");
        deleting.batch_execute(&delete).await.unwrap();

        let answer = reading.await.unwrap();

        let rows = answer.body["data"].as_array().unwrap();
        assert_eq!(rows.len(), 50, "{page}");
        assert!(answer.body["page"]["nextCursor"].is_string(), "{page}");
        let whole = |row: &Value| row["difference"].is_null() || row["before"].is_object();
        assert!(rows.iter().all(whole), "{page}");
    }
}
