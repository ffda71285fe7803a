//! Jobs of all kinds, looked at; and those that failed, let go on.

use rail_shared::domain::{JobKind, Scope};
use rail_tests::harness::{Rail, text};
use rail_tests::sandbox::{Fault, Rule};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

/// A sync of 2,500 customers that failed for good after some were committed, the vendor being well again: its path and
/// its job's.
async fn failed_sync(rail: &Rail) -> (String, String) {
    let stripe = rail.connect_stripe().await;
    rail.sandbox.faults().add(
        Rule::new(Fault::Status { status: 400 })
            .on("/v1/customers")
            .after(22)
            .times(1),
    );
    let failed = rail
        .sync(&stripe, &json!({"entities": ["customers"], "mode": "FULL"}))
        .await;
    assert_eq!(failed["status"], "FAILED", "{failed}");
    let sync = text(&failed, "syncId");
    (
        format!("/connections/{stripe}/sync/{sync}"),
        format!("/jobs/{}", sync.replace("sync_", "job_")),
    )
}

/// An export whose runs can succeed: its path.
async fn export(rail: &Rail) -> String {
    let body = json!({
        "name": "All", "format": "CSV", "entities": ["customers"], "destination": {"type": "LOCAL", "path": "all"}
    });
    let export = rail.caller.post("/exports", &body).await.expect(201);
    format!("/exports/{}", text(&export, "exportId"))
}

fn ids(listed: &Value) -> Vec<&str> {
    let jobs = listed.as_array().unwrap().iter();
    jobs.map(|job| text(job, "jobId")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_failed_is_listed_tells_why_and_goes_on_from_its_last_commit() {
    let rail = Rail::builder().customers(2_500).start().await;
    let (sync, job) = failed_sync(&rail).await;

    let dead = rail.caller.get("/jobs?status=FAILED").await.expect(200);
    assert_eq!(ids(&dead), [job.strip_prefix("/jobs/").unwrap()]);
    let failed = rail.caller.get(&job).await.expect(200);
    assert_eq!(
        (&failed["kind"], &failed["status"], &failed["attempt"]),
        (&json!("sync"), &json!("FAILED"), &json!(1))
    );
    assert!(sync.contains(text(&failed, "connectionId")) && sync.contains(text(&failed, "syncId")));
    assert_eq!(
        (&failed["exportId"], &failed["runId"]),
        (&Value::Null, &Value::Null)
    );
    let attempt = &failed["attempts"][0];
    assert_eq!(
        (&attempt["attempt"], &attempt["outcome"], &attempt["error"]),
        (&json!(1), &json!("FAILED"), &failed["error"])
    );
    assert!(attempt["worker"].is_string() && attempt["endedAt"].is_string());
    let committed = rail.caller.get(&sync).await.expect(200);
    let before = committed["progress"]["recordsFetched"].as_u64().unwrap();
    assert!((100..2_500).contains(&before), "{committed}");
    rail.sandbox.requests().clear();

    let answer = rail
        .caller
        .post(&format!("{job}/retry"), &Value::Null)
        .await;
    assert!(answer.header("location").ends_with(&job), "{answer:?}");
    let retried = answer.expect(202);
    assert_eq!(
        (
            &retried["status"],
            &retried["error"],
            &retried["finishedAt"]
        ),
        (&json!("QUEUED"), &Value::Null, &Value::Null)
    );

    let done = rail.ended(&sync).await;
    assert_eq!(
        (&done["status"], &done["attempt"], &done["error"]),
        (&json!("COMPLETED"), &json!(2), &Value::Null),
        "{done}"
    );
    let counts = &done["stats"]["customers"];
    assert_eq!(
        (&counts["fetched"], &counts["created"], &counts["unchanged"]),
        (&json!(2_500), &json!(2_500), &json!(0))
    );
    let pages = rail.sandbox.requests().count("/v1/customers") as u64;
    assert!(pages <= (2_500 - before).div_ceil(100), "{pages} pages");
    let dead = rail.caller.get("/jobs?status=FAILED").await.expect(200);
    assert_eq!(dead, json!([]));
    let outcomes = rail.caller.get(&job).await.expect(200);
    let outcomes = outcomes["attempts"].as_array().unwrap().iter();
    assert_eq!(
        outcomes.map(|one| text(one, "outcome")).collect::<Vec<_>>(),
        ["DONE", "FAILED"]
    );
    let audited = "SELECT subject FROM audit_log WHERE action = 'job.retry'";
    assert_eq!(
        rail.database.ask(audited).await,
        job.strip_prefix("/jobs/").unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_job_has_its_whole_budget_again_and_is_rung() {
    let rail = Rail::builder().workers(0).start().await;
    let run = rail
        .caller
        .post(&format!("{}/run", export(&rail).await), &Value::Null)
        .await
        .expect(202);
    let job = format!("/jobs/{}", text(&run, "runId").replace("run_", "job_"));
    let doorbell = rail.worker().doorbell;
    let rung = async |times: u64| {
        wait_until(SOON, "a ring", async || {
            doorbell.depth(JobKind::Export).await.unwrap() == times
        })
        .await;
    };
    rung(1).await;
    rail.database
        .run(
            "UPDATE jobs SET state = 'FAILED', finished_at = now(), barren_attempts = 10, dispatch_no = 12,
                    due_at = now() + interval '1 day', progress_at = now() - interval '1 day', cancel_requested_at = now()",
        )
        .await;

    let retried = rail
        .caller
        .post(&format!("{job}/retry"), &Value::Null)
        .await
        .expect(202);

    assert_eq!(
        (&retried["kind"], &retried["runId"], &retried["exportId"]),
        (&json!("export"), &run["runId"], &run["exportId"])
    );
    let as_new = "SELECT state = 'QUEUED' AND barren_attempts = 0 AND dispatch_no = 13 AND due_at <= now()
                         AND progress_at > now() - interval '1 minute' AND cancel_requested_at IS NULL FROM jobs";
    assert_eq!(rail.database.ask(as_new).await, true);
    rung(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_fail_is_not_retried() {
    let rail = Rail::builder().workers(0).start().await;
    let run = rail
        .caller
        .post(&format!("{}/run", export(&rail).await), &Value::Null)
        .await
        .expect(202);
    let job = text(&run, "runId").replace("run_", "job_");
    let stranger = rail.caller_of("another", Scope::ALL).await;

    let waits = rail
        .caller
        .post(&format!("/jobs/{job}/retry"), &Value::Null)
        .await;
    let theirs = stranger
        .post(&format!("/jobs/{job}/retry"), &Value::Null)
        .await;

    assert_eq!(waits.problem(409), "not-failed");
    assert!(text(&waits.body, "detail").contains("QUEUED"));
    assert_eq!(theirs.problem(404), "not-found");
    assert_eq!(
        stranger.get(&format!("/jobs/{job}")).await.problem(404),
        "not-found"
    );
    assert_eq!(stranger.get("/jobs").await.expect(200), json!([]));
    assert_eq!(rail.database.ask("SELECT dispatch_no FROM jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_not_retried_where_it_could_not_be_started() {
    let rail = Rail::builder().customers(5).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let path = format!("/connections/{stripe}/sync");
    let failed = rail.caller.post(&path, &Value::Null).await.expect(202);
    rail.database
        .run("UPDATE jobs SET state = 'FAILED', finished_at = now()")
        .await;
    let retry = format!(
        "/jobs/{}/retry",
        text(&failed, "syncId").replace("sync_", "job_")
    );

    rail.database
        .run("UPDATE connections SET status = 'PAUSED'")
        .await;
    let paused = rail.caller.post(&retry, &Value::Null).await;
    assert_eq!(paused.problem(409), "connection-not-active");

    rail.database
        .run("UPDATE connections SET status = 'ACTIVE'")
        .await;
    let active = rail.caller.post(&path, &Value::Null).await.expect(202);
    let second = rail.caller.post(&retry, &Value::Null).await;
    assert_eq!(second.problem(409), "sync-already-active");
    assert_eq!(second.body["syncId"], active["syncId"]);
    assert!(second.header("location").ends_with(text(&active, "syncId")));
    let audited = "SELECT count(*) FROM audit_log WHERE action = 'job.retry'";
    assert_eq!(rail.database.ask(audited).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_newest_first_a_page_at_a_time_by_kind_and_status() {
    let rail = Rail::builder().workers(0).start().await;
    let start = format!("{}/run", export(&rail).await);
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let run = rail.caller.post(&start, &Value::Null).await.expect(202);
        jobs.push(text(&run, "runId").replace("run_", "job_"));
        let path = format!("/connections/{}/sync", rail.connect_stripe().await);
        let sync = rail.caller.post(&path, &Value::Null).await.expect(202);
        jobs.push(text(&sync, "syncId").replace("sync_", "job_"));
    }
    jobs.reverse();

    let all = rail.caller.get("/jobs").await.expect(200);
    assert_eq!(ids(&all), jobs);
    let syncs = rail
        .caller
        .get("/jobs?kind=sync&status=QUEUED")
        .await
        .expect(200);
    assert_eq!(ids(&syncs), [&jobs[0], &jobs[2], &jobs[4]]);
    let failed = rail.caller.get("/jobs?status=FAILED").await.expect(200);
    assert_eq!(failed, json!([]));

    let (mut seen, mut path) = (Vec::new(), "/jobs?limit=4".to_owned());
    loop {
        let answer = rail.caller.get(&path).await;
        let next = answer.body["page"]["nextCursor"].clone();
        seen.extend(ids(&answer.expect(200)).into_iter().map(str::to_owned));
        match next.as_str() {
            Some(next) => path = format!("/jobs?limit=4&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, jobs);
    let bad = rail.caller.get("/jobs?status=DEAD").await;
    assert_eq!(bad.problem(422), "bad-parameter");
}
