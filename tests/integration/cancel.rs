//! Asking that work end.

use std::time::Duration;

use rail_shared::domain::{JobId, RunId, Scope, SyncId};
use rail_shared::store::{Lease, StoreError, leases};
use rail_tests::harness::{Rail, text};
use serde_json::{Value, json};

const LEASE: Duration = Duration::from_secs(60);

/// A sync that waits, since there is no worker: its path and its job.
async fn waiting_sync(rail: &Rail) -> (String, JobId) {
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let sync = rail.caller.post(&path, &Value::Null).await.expect(202);
    let id: SyncId = text(&sync, "syncId").parse().unwrap();
    (format!("{path}/{id}"), id.into())
}

/// A run that waits: its path.
async fn waiting_run(rail: &Rail) -> (String, JobId) {
    let body = json!({
        "name": "All", "format": "CSV", "entities": ["customers"], "destination": {"type": "LOCAL", "path": "all"}
    });
    let export = rail.caller.post("/exports", &body).await.expect(201);
    let path = format!("/exports/{}", text(&export, "exportId"));
    let run = rail
        .caller
        .post(&format!("{path}/run"), &Value::Null)
        .await
        .expect(202);
    let id: RunId = text(&run, "runId").parse().unwrap();
    (format!("{path}/runs/{id}"), id.into())
}

async fn claimed(rail: &Rail, job: JobId) -> Lease {
    let mut conn = rail.database.store().connect().await.unwrap();
    let claimed = leases::claim(&mut conn, &[(job, 0)], "a worker", LEASE).await;
    claimed.unwrap().leases.pop().expect("it waits")
}

/// The only job, as its row says.
async fn row(rail: &Rail) -> Value {
    let sql = "SELECT to_jsonb(jobs) FROM jobs";
    rail.database.ask(sql).await
}

async fn audited(rail: &Rail, action: &str) -> Value {
    let sql = format!(
        "SELECT coalesce(jsonb_agg(subject), '[]') FROM audit_log WHERE action = '{action}'"
    );
    rail.database.ask(&sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_waits_is_cancelled_at_once_and_never_begun() {
    let rail = Rail::builder().customers(3).workers(0).start().await;
    let (path, _) = waiting_sync(&rail).await;

    let answer = rail
        .caller
        .post(&format!("{path}/cancel"), &Value::Null)
        .await;

    assert!(answer.header("location").ends_with(&path), "{answer:?}");
    let cancelled = answer.expect(202);
    assert_eq!(cancelled["status"], "CANCELLED");
    assert!(cancelled["completedAt"].is_string(), "{cancelled}");
    assert!(cancelled["cancelRequestedAt"].is_string(), "{cancelled}");
    let row = row(&rail).await;
    assert_eq!(
        (&row["state"], &row["dispatch_no"], &row["lease_until"]),
        (&json!("CANCELLED"), &json!(1), &Value::Null)
    );
    let (_, sync) = path.rsplit_once('/').unwrap();
    assert_eq!(audited(&rail, "sync.cancel").await, json!([sync]));
    let told = "SELECT jsonb_agg(events.type ORDER BY seq) FROM events JOIN syncs ON subject_id = syncs.id";
    assert_eq!(
        rail.database.ask(told).await,
        json!(["integration.sync.cancelled"])
    );

    let again = rail
        .caller
        .post(&format!("{path}/cancel"), &Value::Null)
        .await;
    assert_eq!(again.problem(409), "already-ended");
    assert!(text(&again.body, "detail").contains("CANCELLED"));

    // The way is free for the next, and the worker that runs it leaves the first alone.
    rail.start_worker();
    let (all, _) = path.rsplit_once('/').unwrap();
    let next = rail.caller.post(all, &Value::Null).await.expect(202);
    let next = rail
        .ended(&format!("{all}/{}", text(&next, "syncId")))
        .await;
    assert_eq!(next["status"], "COMPLETED");
    assert_eq!(rail.caller.get(&path).await.expect(200), cancelled);
    assert_eq!(
        rail.database.ask("SELECT count(*) FROM job_attempts").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_sync_is_asked_to_end_once_however_often_that_is_repeated() {
    let rail = Rail::builder().workers(0).start().await;
    let (path, job) = waiting_sync(&rail).await;
    let lease = claimed(&rail, job).await;
    let cancel = format!("{path}/cancel");

    let first = rail.caller.post(&cancel, &Value::Null).await.expect(202);
    let second = rail.caller.post(&cancel, &Value::Null).await.expect(202);

    assert_eq!(first["status"], "RUNNING");
    assert!(first["cancelRequestedAt"].is_string(), "{first}");
    assert_eq!(first, second);
    let row = row(&rail).await;
    assert_eq!(
        (&row["state"], &row["dispatch_no"], &row["lease_owner"]),
        (&json!("RUNNING"), &json!(0), &json!("a worker"))
    );
    let mut conn = rail.database.store().connect().await.unwrap();
    let held = [(lease.job_id, lease.fence)];
    let kept = leases::keep(&mut conn, &held, LEASE).await.unwrap();
    assert!(kept[0].cancelled);
    assert_eq!(
        audited(&rail, "sync.cancel")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_worker_is_gone_is_cancelled_at_once_and_stays_so_when_the_worker_comes_back()
{
    let rail = Rail::builder().workers(0).start().await;
    let (path, job) = waiting_sync(&rail).await;
    let lease = claimed(&rail, job).await;
    rail.database
        .run("UPDATE jobs SET lease_until = now() - interval '1 second'")
        .await;

    let cancelled = rail
        .caller
        .post(&format!("{path}/cancel"), &Value::Null)
        .await
        .expect(202);

    assert_eq!(cancelled["status"], "CANCELLED");
    let outcomes = "SELECT jsonb_agg(outcome) FROM job_attempts WHERE ended_at IS NOT NULL";
    assert_eq!(rail.database.ask(outcomes).await, json!(["CANCELLED"]));
    let mut conn = rail.database.store().connect().await.unwrap();
    assert!(matches!(
        lease.hold(&mut conn).await,
        Err(StoreError::LeaseLost)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_is_cancelled_at_once() {
    let rail = Rail::builder().workers(0).start().await;
    let (path, _) = waiting_run(&rail).await;

    let cancelled = rail
        .caller
        .post(&format!("{path}/cancel"), &Value::Null)
        .await
        .expect(202);

    assert_eq!(cancelled["status"], "CANCELLED");
    assert_eq!(rail.caller.get(&path).await.expect(200), cancelled);
    let (_, run) = path.rsplit_once('/').unwrap();
    assert_eq!(audited(&rail, "run.cancel").await, json!([run]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_not_cancelled() {
    let rail = Rail::builder().customers(2).start().await;
    let stripe = rail.connect_stripe().await;
    let done = rail
        .sync(&stripe, &json!({"entities": ["customers"]}))
        .await;
    let path = format!("/connections/{stripe}/sync/{}", text(&done, "syncId"));

    let refused = rail
        .caller
        .post(&format!("{path}/cancel"), &Value::Null)
        .await;

    assert_eq!(refused.problem(409), "already-ended");
    assert!(text(&refused.body, "detail").contains("COMPLETED"));
    assert_eq!(rail.caller.get(&path).await.expect(200), done);
    assert_eq!(audited(&rail, "sync.cancel").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_cancels_what_is_not_theirs_or_not_there() {
    let rail = Rail::builder().workers(0).start().await;
    let (sync, _) = waiting_sync(&rail).await;
    let (run, _) = waiting_run(&rail).await;
    let stranger = rail.caller_of("another", Scope::ALL).await;
    let reader = rail.caller_of("default", &[Scope::Read]).await;
    let (_, id) = sync.rsplit_once('/').unwrap();
    let elsewhere = format!("/connections/{}/sync/{id}", rail.connect_stripe().await);

    for path in [&sync, &run] {
        let path = format!("{path}/cancel");
        let theirs = stranger.post(&path, &Value::Null).await;
        assert_eq!(theirs.problem(404), "not-found");
        let unentitled = reader.post(&path, &Value::Null).await;
        assert_eq!(unentitled.problem(403), "insufficient-scope");
    }
    let wrong = rail
        .caller
        .post(&format!("{elsewhere}/cancel"), &Value::Null)
        .await;
    assert_eq!(wrong.problem(404), "not-found");

    let untouched = "SELECT bool_and(state = 'QUEUED' AND cancel_requested_at IS NULL) FROM jobs";
    assert_eq!(rail.database.ask(untouched).await, true);
}
