//! When exports run by themselves.

use rail_tests::far;
use rail_tests::harness::{Rail, text};
use serde_json::{Value, json};

use super::{asked, created, lines_of, put, run};

async fn due_times(rail: &Rail, schedule: Value, after: &str, count: usize) -> Vec<String> {
    let mut body = lines_of(&["deals"]);
    body["schedule"] = schedule;
    let export = created(rail, &body).await;
    let path = format!("{export}/schedule/preview?count={count}&after={after}");
    let preview = rail.caller.get(&path).await.expect(200);
    let times = preview["runsAt"].as_array().unwrap().iter();
    times
        .map(|time| time.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_due_times_across_changes_of_the_clocks() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let daily = |zone: &str| json!({"frequency": "DAILY", "time": "02:30", "timezone": zone});
    // Skipped: at the end of the gap. Shown twice: the first time.
    assert_eq!(
        due_times(&rail, daily("Europe/Paris"), "2026-03-27T12:00:00Z", 3).await,
        [
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-30T00:30:00Z"
        ]
    );
    assert_eq!(
        due_times(&rail, daily("America/New_York"), "2026-10-31T12:00:00Z", 2).await,
        ["2026-11-01T07:30:00Z", "2026-11-02T07:30:00Z"]
    );
    let last = json!({"frequency": "MONTHLY", "day": 31, "time": "00:00"});
    assert_eq!(
        due_times(&rail, last, "2028-01-31T00:00:00Z", 3).await,
        [
            "2028-02-29T00:00:00Z",
            "2028-03-31T00:00:00Z",
            "2028-04-30T00:00:00Z"
        ]
    );
    let export = created(&rail, &lines_of(&["deals"])).await;
    let preview = rail.caller.get(&format!("{export}/schedule/preview")).await;
    assert_eq!(preview.expect(200), json!({"runsAt": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_changes_of_the_clocks_make_one_due_time_a_day() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    // The clock goes forward over the time, then back over it.
    for (zone, time, after, expected) in [
        (
            "Europe/Paris",
            "02:30",
            "2026-03-28T12:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "Europe/Paris",
            "02:30",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "America/New_York",
            "02:30",
            "2026-03-07T12:00:00Z",
            ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
        ),
        (
            "America/New_York",
            "01:30",
            "2026-10-31T12:00:00Z",
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
        ),
        // By half an hour.
        (
            "Australia/Lord_Howe",
            "02:15",
            "2026-10-03T00:00:00Z",
            ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            "01:45",
            "2026-04-04T00:00:00Z",
            ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
        ),
    ] {
        let daily = json!({"frequency": "DAILY", "time": time, "timezone": zone});
        assert_eq!(
            due_times(&rail, daily, after, 2).await,
            expected,
            "{zone} {time}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_export_runs_on_request_only_until_it_is_resumed() {
    let rail = Rail::builder().start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let mut body = lines_of(&["deals"]);
    body["schedule"] = json!({"frequency": "DAILY", "time": far::time_of_day()});
    let export = created(&rail, &body).await;

    for _ in 0..2 {
        let paused = asked(&rail, &format!("{export}/pause"), 200).await;
        assert!(paused["pausedAt"].is_string(), "{paused}");
        assert_eq!(paused["nextRunAt"], Value::Null);
    }
    let changed = json!({"schedule": {"frequency": "HOURLY", "time": far::time_of_hour()}});
    let changed = rail.caller.patch(&export, &changed).await.expect(200);
    assert_eq!(changed["nextRunAt"], Value::Null, "it is paused");
    assert_eq!(run(&rail, &export).await["rows"], 1);

    let resumed = asked(&rail, &format!("{export}/resume"), 200).await;
    assert_eq!(resumed["pausedAt"], Value::Null);
    assert!(
        text(&resumed, "nextRunAt") > text(&resumed, "updatedAt"),
        "{resumed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_made_up_for_once_or_left_out_as_the_schedule_says() {
    let rail = Rail::builder().workers(0).start().await;
    put(&rail.caller, "deals", "{\"id\":\"a\"}\n").await;
    let mut body = lines_of(&["deals"]);
    let time = far::time_of_hour();
    body["schedule"] = json!({"frequency": "HOURLY", "time": time, "missedRuns": "SKIP"});
    let skipping = created(&rail, &body).await;
    body["schedule"] = json!({"frequency": "HOURLY", "time": time});
    let usual = created(&rail, &body).await;
    rail.database
        .run("UPDATE exports SET next_run_at = now() - interval '5 hours'")
        .await;

    let _worker = rail.start_worker();

    rail.until(&usual, |export| export["lastRunAt"].is_string())
        .await;
    let runs = rail.caller.get(&format!("{usual}/runs")).await.expect(200);
    assert_eq!(
        runs.as_array().unwrap().len(),
        1,
        "five were missed: {runs}"
    );
    let seen = rail.until(&skipping, |export| {
        text(export, "nextRunAt") > text(export, "updatedAt")
    });
    assert_eq!(seen.await["lastRunAt"], Value::Null);
    let runs = rail
        .caller
        .get(&format!("{skipping}/runs"))
        .await
        .expect(200);
    assert_eq!(runs, json!([]));
}
