//! Runs that ended long ago are forgotten, their files are not.

use rail_shared::domain::RunId;
use rail_shared::store::old_runs;
use rail_tests::harness::{Rail, text};
use rail_tests::wait::{SOON, wait_until};
use serde_json::json;

use super::{asked, created, lines_of, path_of, put, records, run};

/// Makes everything that ended so far end a hundred days ago.
async fn age(rail: &Rail) {
    rail.database
        .run("UPDATE jobs SET finished_at = finished_at - interval '100 days' WHERE finished_at IS NOT NULL")
        .await;
}

async fn listed(rail: &Rail, export: &str) -> Vec<String> {
    let runs = rail.caller.get(&format!("{export}/runs")).await.expect(200);
    let runs = runs.as_array().unwrap().iter();
    runs.map(|run| text(run, "runId").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_ended_long_ago_are_forgotten_but_for_where_the_next_one_begins() {
    let rail = Rail::builder().start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let mut body = lines_of(&["deals"]);
    body["incremental"] = true.into();
    let export = created(&rail, &body).await;
    let first = run(&rail, &export).await;
    let second = run(&rail, &export).await;
    let failed = run(&rail, &export).await;
    rail.database
        .run("UPDATE jobs SET state = 'FAILED' WHERE id = (SELECT max(id::text)::uuid FROM export_runs)")
        .await;
    age(&rail).await;

    // Whoever starts looks through all runs.
    let worker = rail.start_worker();
    wait_until(SOON, "the old runs are forgotten", async || {
        listed(&rail, &export).await == [text(&second, "runId")]
    })
    .await;
    worker.stop();
    worker.ended().await;

    let path = format!("{export}/runs/{}", text(&failed, "runId"));
    assert_eq!(rail.caller.get(&path).await.status, 404);
    assert_eq!(
        rail.database.ask("SELECT count(*) FROM jobs").await,
        json!(1)
    );
    assert!(path_of(&first["files"][0]).exists());
    put(&rail.caller, "deals", "{\"id\":\"b\"}\n").await;
    let next = run(&rail, &export).await;
    assert_eq!(records(&next), [json!({"id": "b", "_deleted": false})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_through_old_runs_leaves_those_that_are_young_or_not_over() {
    let rail = Rail::builder().workers(0).start().await;
    let worker = rail.start_worker();
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let export = created(&rail, &lines_of(&["deals"])).await;
    for _ in 0..3 {
        run(&rail, &export).await;
    }
    age(&rail).await;
    worker.stop();
    worker.ended().await;
    let waits = asked(&rail, &format!("{export}/run"), 202).await;

    let mut conn = rail.database.store().connect().await.unwrap();
    let now = rail_shared::domain::Clock::system().now();
    let (mut after, mut steps): (Option<RunId>, u32) = (None, 0);
    loop {
        let ended_before = now - chrono::TimeDelta::days(101);
        after = old_runs::forget(&mut conn, after, ended_before, 2)
            .await
            .unwrap();
        steps += 1;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((steps, listed(&rail, &export).await.len()), (3, 4));

    let ended_before = now - chrono::TimeDelta::days(90);
    let last = old_runs::forget(&mut conn, None, ended_before, 100).await;
    assert_eq!(last.unwrap(), None);
    let left = listed(&rail, &export).await;
    assert_eq!((left.len(), left[0].as_str()), (2, text(&waits, "runId")));
}
