//! Large answers take turns.

use std::time::Duration;

use rail_shared::http::{Guard, Http, Limits, Request};
use rail_tests::harness::{Rail, text};
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_finds_no_room_for_a_large_answer_is_put_off_and_spends_no_attempt() {
    let rail = Rail::builder().customers(20).workers(0).start().await;
    let stripe = rail.connect_stripe().await;
    let limits = Limits {
        large_body_bytes: 0,
        large_bodies: 1,
        room_within: Duration::from_millis(50),
        ..Limits::default()
    };
    let guard = Guard::public().trusting(&rail.sandbox.base_url());
    let http = Http::new(guard, limits).unwrap();
    let taken = http
        .send(Request::get(rail.sandbox.base_url()))
        .await
        .unwrap();
    assert!(!taken.body.is_empty());
    let mut worker = rail.worker();
    worker.http = http;
    tokio::spawn(worker.run(CancellationToken::new()));

    let body = json!({"entities": ["customers"], "mode": "FULL"});
    let path = format!("/connections/{stripe}/sync");
    let asked = rail.caller.post(&path, &body).await.expect(202);
    let sync = format!("/connections/{stripe}/sync/{}", text(&asked, "syncId"));
    let job = text(&asked, "syncId").replace("sync_", "/jobs/job_");
    let put_off = rail
        .until(&job, |job| !job["attempts"][0]["outcome"].is_null())
        .await;
    assert_eq!(put_off["attempts"][0]["outcome"], "SNOOZED", "{put_off}");
    assert_eq!(
        (&put_off["status"], &put_off["attempt"], &put_off["error"]),
        (&json!("QUEUED"), &json!(0), &json!(null)),
        "{put_off}"
    );

    drop(taken);
    rail.database
        .run("UPDATE jobs SET due_at = now() WHERE state = 'QUEUED'")
        .await;
    let done = rail.ended(&sync).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["stats"]["customers"]["created"], 20, "{done}");
}
