//! The life of jobs: rows are the truth, rings are only rings.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use rail_shared::domain::{JobId, JobKind};
use rail_shared::store::{Conn, Lease, Settled, StoreError, jobs, leases};
use rail_tests::harness::{Rail, RunningWorker, text};
use rail_tests::sandbox::{Fault, Rule};
use serde_json::{Value, json};

const LEASE: Duration = Duration::from_secs(5);

async fn queued(rail: &Rail) -> JobId {
    let stripe = rail.connect_stripe().await;
    let sync = rail
        .caller
        .post(&format!("/connections/{stripe}/sync"), &Value::Null)
        .await
        .expect(202);
    let id: rail_shared::domain::SyncId = text(&sync, "syncId").parse().unwrap();
    id.into()
}

async fn claim(
    conn: &mut Conn,
    job: JobId,
    dispatch_no: i32,
    worker: &str,
) -> Result<Option<Lease>, StoreError> {
    Ok(leases::claim(conn, &[(job, dispatch_no)], worker, LEASE)
        .await?
        .leases
        .pop())
}

/// Settles one attempt; the dispatch number of the job, or `None` when the lease is lost.
async fn settle(conn: &mut Conn, lease: &Lease, how: Settled) -> Option<i32> {
    let standings = leases::settle(conn, &[(lease, &how)]).await.unwrap();
    Some(standings.first()?.dispatch_no)
}

/// How the attempts of the only job ended, in their order.
async fn outcomes(rail: &Rail) -> Value {
    let sql = "SELECT jsonb_agg(outcome ORDER BY fence) FROM job_attempts";
    rail.database.ask(sql).await
}

/// A sync of 3,000 customers, of which a worker has committed some and the vendor holds back the rest; and where to look
/// how it goes.
async fn sync_under_way() -> (Rail, String, RunningWorker) {
    let rail = Rail::builder().customers(3_000).workers(0);
    let rail = rail.short_lease().start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let sync = rail
        .caller
        .post(&path, &json!({"entities": ["customers"]}))
        .await
        .expect(202);
    let status = format!("{path}/{}", text(&sync, "syncId"));
    let held = Rule::new(Fault::Held).on("/v1/customers");
    rail.sandbox.faults().add(held.after(12).always());
    let first = rail.start_worker();
    rail.until(&status, |sync| {
        sync["progress"]["recordsFetched"].as_i64() >= Some(1_000)
    })
    .await;
    (rail, status, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_ring_was_lost_is_rung_again() {
    let rail = Rail::builder().customers(5).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let sync = rail
        .caller
        .post(&format!("/connections/{stripe}/sync"), &Value::Null)
        .await
        .expect(202);
    // Whatever was rung for it claims nothing any more, as if Redis had forgotten it.
    rail.database
        .run("UPDATE jobs SET dispatch_no = dispatch_no + 1")
        .await;

    rail.start_worker();

    let done = rail
        .ended(&format!(
            "/connections/{stripe}/sync/{}",
            text(&sync, "syncId")
        ))
        .await;
    assert_eq!(
        (&done["status"], &done["attempt"]),
        (&json!("COMPLETED"), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_claimed_by_one_worker_and_by_current_rings_only() {
    let rail = Rail::builder().workers(0).start().await;
    let job = queued(&rail).await;
    let store = rail.database.store();
    let mut conn = store.connect().await.unwrap();

    assert!(
        claim(&mut conn, job, 1, "late").await.unwrap().is_none(),
        "a ring of no dispatch"
    );
    let lease = claim(&mut conn, job, 0, "a")
        .await
        .unwrap()
        .expect("the first claims");
    assert_eq!((lease.attempt, lease.fence), (1, 1));
    assert!(
        claim(&mut conn, job, 0, "b").await.unwrap().is_none(),
        "the lease is held"
    );

    let again = settle(&mut conn, &lease, Settled::Snoozed(Duration::ZERO, None))
        .await
        .unwrap();
    assert!(
        claim(&mut conn, job, 0, "b").await.unwrap().is_none(),
        "the ring is of an earlier dispatch"
    );
    let next = claim(&mut conn, job, again, "b")
        .await
        .unwrap()
        .expect("the new ring claims");
    assert_eq!(
        (next.attempt, next.fence),
        (1, 2),
        "a snooze spends no attempt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_its_lease_can_write_nothing_more() {
    let rail = Rail::builder().workers(0).start().await;
    let job = queued(&rail).await;
    let store = rail.database.store();
    let mut conn = store.connect().await.unwrap();
    let paused = claim(&mut conn, job, 0, "paused").await.unwrap().unwrap();
    rail.database
        .run("UPDATE jobs SET lease_until = now() - interval '1 second'")
        .await;
    let taker = claim(&mut conn, job, 0, "taker")
        .await
        .unwrap()
        .expect("an expired lease is taken over");

    let kept = leases::keep(&mut conn, &[(job, paused.fence)], LEASE).await;
    assert_eq!(kept.unwrap(), [], "nothing is kept");
    assert!(matches!(
        paused.hold(&mut conn).await,
        Err(StoreError::LeaseLost)
    ));
    assert_eq!(settle(&mut conn, &paused, Settled::Done).await, None);
    assert_eq!(
        (taker.attempt, taker.fence, taker.barren_attempts),
        (2, 2, 1)
    );
    settle(&mut conn, &taker, Settled::Done).await.unwrap();

    assert_eq!(outcomes(&rail).await, json!(["LEASE_LOST", "DONE"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_gives_its_job_back_without_spending_an_attempt() {
    let (rail, status, first) = sync_under_way().await;

    first.stop();
    rail.until(&status, |sync| sync["status"] == "QUEUED").await;
    rail.sandbox.faults().release();
    rail.start_worker();

    let done = rail.ended(&status).await;
    assert_eq!(
        (&done["status"], &done["attempt"]),
        (&json!("COMPLETED"), &json!(1))
    );
    assert_eq!(done["stats"]["customers"]["created"], 3_000);
    assert_eq!(outcomes(&rail).await, json!(["SNOOZED", "DONE"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_worker_died_is_finished_by_another_with_the_counts_of_an_undisturbed_run() {
    let (rail, status, first) = sync_under_way().await;

    first.kill();
    rail.sandbox.faults().release();
    rail.start_worker();

    let done = rail.ended(&status).await;
    assert_eq!(
        (&done["status"], &done["attempt"]),
        (&json!("COMPLETED"), &json!(2))
    );
    let counts = &done["stats"]["customers"];
    assert_eq!(
        (&counts["fetched"], &counts["created"], &counts["unchanged"]),
        (&json!(3_000), &json!(3_000), &json!(0))
    );
    assert_eq!(outcomes(&rail).await, json!(["LEASE_LOST", "DONE"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_that_wait_each_tenants_first_comes_before_any_tenants_second() {
    let rail = Rail::builder().workers(0).start().await;
    // Ten minutes ago a tenant left a backlog, since then two others asked for little; one job was left by its worker.
    let many = "WITH tenant AS (INSERT INTO tenants SELECT gen_random_uuid(), name FROM unnest('{a,b,c}'::text[]) AS name
                RETURNING id, name)
                INSERT INTO jobs (id, tenant_id, kind, due_at, created_at)
                SELECT gen_random_uuid(), id, 'export', now() - interval '10 minutes' + ago * interval '1 second', now()
                FROM tenant, LATERAL generate_series(CASE name WHEN 'a' THEN 1 ELSE 300 END, CASE name WHEN 'a' THEN 100 WHEN 'b' THEN 302 ELSE 300 END) AS ago";
    rail.database.run(many).await;
    rail.database
        .run(
            "UPDATE jobs SET state = 'RUNNING', lease_until = now() - interval '1 second'
              WHERE tenant_id = (SELECT id FROM tenants WHERE name = 'c')",
        )
        .await;

    let mut conn = rail.database.store().connect().await.unwrap();
    let waiting = jobs::unattended(&mut conn, JobKind::Export, 1_000, 20).await;
    let waiting = waiting.unwrap();

    let names = "SELECT jsonb_object_agg(id, name) FROM tenants";
    let names = rail.database.ask(names).await;
    let order: Vec<&str> = waiting
        .iter()
        .map(|job| text(&names, &job.tenant_id.uuid().to_string()))
        .collect();
    assert_eq!(order[..7], ["a", "b", "c", "a", "b", "a", "b"]);
    assert_eq!(
        (order.len(), order[7..].iter().all(|name| *name == "a")),
        (20, true)
    );
    assert!(waiting[..3].iter().all(|job| job.first) && !waiting[3..].iter().any(|job| job.first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_due_is_found_and_what_that_costs_does_not_hang_on_how_many_are_not() {
    let rail = Rail::builder().workers(0).start().await;
    let many = "WITH tenant AS (INSERT INTO tenants SELECT gen_random_uuid(), 't' || n FROM generate_series(1, 2000) n
                RETURNING id, name)
                INSERT INTO jobs (id, tenant_id, kind, due_at)
                SELECT gen_random_uuid(), id, 'delivery', CASE name WHEN 't7' THEN now() - interval '2 seconds'
                       WHEN 't8' THEN now() ELSE now() + interval '100 years' END FROM tenant";
    rail.database.run(many).await;
    rail.database.run("ANALYZE jobs").await;
    let mut conn = rail.database.store().connect().await.unwrap();
    let read = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'jobs_waiting'";
    let before = rail.database.ask(read).await;

    let waiting = jobs::unattended(&mut conn, JobKind::Delivery, 1_000, 20).await;

    let of = waiting
        .unwrap()
        .iter()
        .map(|job| job.tenant_id.uuid())
        .collect::<Vec<_>>();
    let due = rail
        .database
        .ask("SELECT id FROM tenants WHERE name = 't7'")
        .await;
    assert_eq!(json!(of), json!([due]));
    conn.batch_execute("SELECT pg_stat_force_next_flush()")
        .await
        .unwrap();
    assert_eq!(rail.database.ask(read).await, before);
}
