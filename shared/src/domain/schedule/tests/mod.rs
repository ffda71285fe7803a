#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value
)]

mod due;

use super::*;

fn schedule(json: Value) -> Schedule {
    Schedule::parse(&json, "").unwrap()
}

fn codes(json: Value) -> Vec<(String, &'static str)> {
    Schedule::parse(&json, "/schedule")
        .unwrap_err()
        .into_iter()
        .map(|fault| (fault.pointer, fault.code))
        .collect()
}

#[test]
fn what_was_read_is_written_back() {
    for json in [
        json!({"frequency": "MONTHLY", "day": "LAST", "time": "23:59", "timezone": "Europe/Berlin"}),
        json!({"frequency": "WEEKLY", "day": 7, "time": "00:00", "timezone": "UTC"}),
        json!({"frequency": "HOURLY", "time": "00:05", "timezone": "Asia/Kolkata"}),
    ] {
        assert_eq!(serde_json::to_value(schedule(json.clone())).unwrap(), json);
    }
    let defaults = schedule(json!({"frequency": "DAILY"}));
    assert_eq!(
        serde_json::to_value(defaults).unwrap(),
        json!({"frequency": "DAILY", "time": "00:00", "timezone": "UTC"})
    );
}

#[test]
fn every_fault_is_named_at_once() {
    assert_eq!(
        codes(
            json!({"frequency": "MONTHLY", "day": 32, "time": "25:00", "timezone": "Mars/Base", "cron": "*"})
        ),
        [
            ("/schedule/cron".to_owned(), "unknown-field"),
            ("/schedule/day".to_owned(), "day-out-of-range"),
            ("/schedule/time".to_owned(), "bad-time"),
            ("/schedule/timezone".to_owned(), "unknown-timezone"),
        ]
    );
}

#[test]
fn each_wrong_field_has_its_own_code() {
    for (json, at, code) in [
        (json!([]), "", "wrong-type"),
        (json!({}), "/frequency", "unknown-frequency"),
        (
            json!({"frequency": "YEARLY", "day": 99}),
            "/frequency",
            "unknown-frequency",
        ),
        (
            json!({"frequency": "monthly"}),
            "/frequency",
            "unknown-frequency",
        ),
        (json!({"frequency": "MONTHLY"}), "/day", "day-required"),
        (
            json!({"frequency": "WEEKLY", "day": null}),
            "/day",
            "day-required",
        ),
        (
            json!({"frequency": "MONTHLY", "day": 0}),
            "/day",
            "day-out-of-range",
        ),
        (
            json!({"frequency": "MONTHLY", "day": -1}),
            "/day",
            "day-out-of-range",
        ),
        (
            json!({"frequency": "MONTHLY", "day": 257}),
            "/day",
            "day-out-of-range",
        ),
        (
            json!({"frequency": "MONTHLY", "day": 1.5}),
            "/day",
            "day-out-of-range",
        ),
        (
            json!({"frequency": "MONTHLY", "day": "1"}),
            "/day",
            "day-out-of-range",
        ),
        (
            json!({"frequency": "WEEKLY", "day": 8}),
            "/day",
            "day-out-of-range",
        ),
        (
            json!({"frequency": "WEEKLY", "day": "LAST"}),
            "/day",
            "day-out-of-range",
        ),
        (
            json!({"frequency": "DAILY", "day": 1}),
            "/day",
            "day-not-allowed",
        ),
        (
            json!({"frequency": "HOURLY", "day": 1}),
            "/day",
            "day-not-allowed",
        ),
        (
            json!({"frequency": "DAILY", "time": "24:00"}),
            "/time",
            "bad-time",
        ),
        (
            json!({"frequency": "DAILY", "time": "2:00"}),
            "/time",
            "bad-time",
        ),
        (
            json!({"frequency": "DAILY", "time": "02:60"}),
            "/time",
            "bad-time",
        ),
        (
            json!({"frequency": "DAILY", "time": "+2:00"}),
            "/time",
            "bad-time",
        ),
        (
            json!({"frequency": "DAILY", "time": "02:00:00"}),
            "/time",
            "bad-time",
        ),
        (
            json!({"frequency": "DAILY", "time": 200}),
            "/time",
            "bad-time",
        ),
        (
            json!({"frequency": "DAILY", "timezone": "+02:00"}),
            "/timezone",
            "unknown-timezone",
        ),
        (
            json!({"frequency": "DAILY", "timezone": 2}),
            "/timezone",
            "unknown-timezone",
        ),
    ] {
        assert_eq!(
            codes(json.clone()),
            [(format!("/schedule{at}"), code)],
            "{json}"
        );
    }
}

#[test]
fn what_was_missed_is_left_out_where_the_schedule_says_so() {
    let skipping = schedule(json!({"frequency": "DAILY", "time": "02:00", "missedRuns": "SKIP"}));
    let usual = schedule(json!({"frequency": "DAILY", "time": "02:00", "missedRuns": null}));
    let due: DateTime<Utc> = "2025-06-01T02:00:00Z".parse().unwrap();
    let late = due + TimeDelta::minutes(4);
    let missed = due + TimeDelta::minutes(6);
    assert!(!skipping.leaves_out(due, late));
    assert!(skipping.leaves_out(due, missed));
    assert!(!usual.leaves_out(due, missed));
    let faults = Schedule::parse(
        &json!({"frequency": "DAILY", "missedRuns": "ALL"}),
        "/schedule",
    );
    let faults = faults.unwrap_err();
    assert!(faults.touch("/schedule/missedRuns"));
}
