//! What a worker does when it is asked to let go, or loses what it works with.

use std::time::{Duration, Instant};

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rail_shared::domain::JobId;
use rail_shared::store::{Settled, leases};
use rail_tests::harness::{Rail, RunningWorker, text};
use rail_tests::redis::PrivateRedis;
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

/// A sync of which a worker has committed the first page, while the vendor takes its time over the next.
async fn sync_at_a_slow_vendor() -> (Rail, String, RunningWorker) {
    let rail = Rail::builder().customers(500).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let slow = Fault::Slow { delay_ms: 60_000 };
    let slow = Rule::new(slow).on("/v1/customers").after(1).always();
    rail.sandbox.faults().add(slow);
    let path = format!("/connections/{stripe}/sync");
    let sync = rail
        .caller
        .post(&path, &json!({"entities": ["customers"]}))
        .await
        .expect(202);
    let status = format!("{path}/{}", text(&sync, "syncId"));
    let worker = rail.start_worker();
    rail.until(&status, |sync| {
        sync["progress"]["recordsFetched"].as_i64() == Some(100)
    })
    .await;
    (rail, status, worker)
}

async fn events(rail: &Rail) -> Value {
    let sql = "SELECT jsonb_agg(jsonb_build_array(seq, type) ORDER BY seq) FROM events";
    rail.database.ask(sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_committed_though_the_next_one_does_not_come() {
    let (rail, _, _worker) = sync_at_a_slow_vendor().await;
    assert_eq!(rail.database.ask("SELECT count(*) FROM records").await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_sync_that_is_cancelled_ends_within_two_seconds_and_stays_so() {
    let (rail, status, _worker) = sync_at_a_slow_vendor().await;

    rail.database
        .run("UPDATE jobs SET cancel_requested_at = now()")
        .await;

    let ended = rail.ended(&status).await;
    assert_eq!(ended["status"], "CANCELLED");
    let took = "SELECT extract(epoch FROM finished_at - cancel_requested_at) FROM jobs";
    let took = rail.database.ask(took).await.as_f64().unwrap();
    assert!(took < 2.0, "took {took} s");
    assert_eq!(ended["stats"]["customers"]["created"], 100);
    assert_eq!(
        events(&rail).await,
        json!([
            [1, "integration.connected"],
            [2, "integration.sync.started"],
            [3, "integration.sync.cancelled"]
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_cancel_was_asked_for_is_not_put_back() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let sync = rail.caller.post(&path, &Value::Null).await.expect(202);
    let id: rail_shared::domain::SyncId = text(&sync, "syncId").parse().unwrap();
    let store = rail.database.store();
    let mut conn = store.connect().await.unwrap();
    let claimed = leases::claim(&mut conn, &[(JobId::from(id), 0)], "w", SOON).await;
    let lease = claimed.unwrap().leases.pop().expect("it waits");
    rail.database
        .run("UPDATE jobs SET cancel_requested_at = now()")
        .await;

    let kept = leases::keep(&mut conn, &[(lease.job_id, lease.fence)], SOON).await;
    assert!(kept.unwrap()[0].cancelled, "the heartbeat tells");
    let back = Settled::Snoozed(Duration::ZERO, None);
    leases::settle(&mut conn, &[(&lease, &back)]).await.unwrap();

    let seen = rail
        .caller
        .get(&format!("{path}/{}", text(&sync, "syncId")))
        .await;
    assert_eq!(seen.expect(200)["status"], "CANCELLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_does_not_wait_for_a_vendor_that_takes_its_time() {
    let (rail, status, worker) = sync_at_a_slow_vendor().await;

    let asked = Instant::now();
    worker.stop();
    worker.ended().await;

    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "took {:?}",
        asked.elapsed()
    );
    let sync = rail.caller.get(&status).await.expect(200);
    assert_eq!(
        (&sync["status"], &sync["attempt"]),
        (&json!("QUEUED"), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_run_while_redis_is_away_and_rung_for_when_it_is_back() {
    let mut redis = PrivateRedis::away().unwrap();
    let rail = Rail::builder()
        .customers(50)
        .variable("REDIS_URL", &redis.url())
        .start()
        .await;
    let stripe = rail.connect_stripe().await;

    let done = rail
        .sync(&stripe, &json!({"entities": ["customers"]}))
        .await;
    assert_eq!(done["status"], "COMPLETED");

    redis.restart().unwrap();
    wait_until(SOON, "readiness", async || {
        let ready = rail.caller.get("//readyz").await;
        ready.body["status"] == "ready"
    })
    .await;
    let again = rail
        .sync(&stripe, &json!({"entities": ["customers"]}))
        .await;
    assert_eq!(again["status"], "COMPLETED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_stands_still_is_ended_by_postgres_unless_it_only_reads() {
    let rail = Rail::builder().workers(0).start().await;
    let store = rail.database.store();

    #[derive(diesel::QueryableByName)]
    struct Setting {
        #[diesel(sql_type = diesel::sql_types::Text)]
        current_setting: String,
    }
    let of = async |conn: &mut AsyncPgConnection| {
        let sql = "SELECT current_setting('idle_in_transaction_session_timeout')";
        let row: Setting = diesel::sql_query(sql).get_result(conn).await.unwrap();
        row.current_setting
    };
    let mut usual = store.begin().await.unwrap();
    assert_eq!(of(&mut usual).await, "4s", "less than any lease");
    let mut view = store.view().await.unwrap();
    assert_eq!(of(&mut view).await, "0", "an export takes its time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_holds_keeps_neither_the_other_leases_nor_the_heartbeat_waiting() {
    let rail = Rail::builder().workers(0).start().await;
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let stripe = rail.connect_stripe().await;
        let path = format!("/connections/{stripe}/sync");
        let sync = rail.caller.post(&path, &Value::Null).await.expect(202);
        let id: rail_shared::domain::SyncId = text(&sync, "syncId").parse().unwrap();
        jobs.push((JobId::from(id), 0));
    }
    let store = rail.database.store();
    let mut conn = store.connect().await.unwrap();
    let claimed = leases::claim(&mut conn, &jobs, "w", SOON)
        .await
        .unwrap()
        .leases;
    let mut holder = rail.database.unhurried().begin().await.unwrap();
    claimed[0].hold(&mut holder).await.unwrap();

    let held: Vec<_> = claimed
        .iter()
        .map(|lease| (lease.job_id, lease.fence))
        .collect();
    let kept = leases::keep(&mut conn, &held, SOON).await.unwrap();

    let lengthened = |at: usize| {
        let of = kept.iter().find(|kept| kept.job_id == held[at].0);
        of.map(|kept| kept.lengthened)
    };
    assert_eq!((lengthened(0), lengthened(1)), (Some(false), Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_lasts_its_whole_length_from_when_its_attempt_begins() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let sync = rail.caller.post(&path, &Value::Null).await.expect(202);
    let id: rail_shared::domain::SyncId = text(&sync, "syncId").parse().unwrap();
    let store = rail.database.store();
    let mut conn = store.connect().await.unwrap();
    let job = [(JobId::from(id), 0)];
    let length = Duration::from_secs(5);
    leases::claim(&mut conn, &job, "w", length).await.unwrap();

    let lasts =
        "SELECT (lease_until - a.started_at)::text FROM jobs JOIN job_attempts a ON job_id = id";
    assert_eq!(rail.database.ask(lasts).await, "00:00:05");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_commits_lengthens_its_lease_which_the_heartbeat_may_never_find_free() {
    let rail = Rail::builder().workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let sync = rail.caller.post(&path, &Value::Null).await.expect(202);
    let id: rail_shared::domain::SyncId = text(&sync, "syncId").parse().unwrap();
    let store = rail.database.store();
    let mut conn = store.connect().await.unwrap();
    let job = [(JobId::from(id), 0)];
    let lease = &leases::claim(&mut conn, &job, "w", SOON)
        .await
        .unwrap()
        .leases[0];
    rail.database
        .run("UPDATE jobs SET lease_until = now() + interval '1 second'")
        .await;

    let mut transaction = store.begin().await.unwrap();
    lease.hold_with_progress(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();

    let left = "SELECT lease_until > now() + interval '2 seconds' FROM jobs";
    assert_eq!(rail.database.ask(left).await, true);
    // A long lease is not cut short by one that was claimed for less.
    rail.database
        .run("UPDATE jobs SET lease_until = now() + interval '1 day'")
        .await;
    let mut transaction = store.begin().await.unwrap();
    lease.hold_with_progress(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let kept = "SELECT lease_until > now() + interval '23 hours' FROM jobs";
    assert_eq!(rail.database.ask(kept).await, true);
}
