//! When a schedule is due.

use proptest::prelude::*;

use super::*;

/// The due times after `from`, as that zone's wall clock with its offset shows them.
fn due(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let mut at = DateTime::parse_from_rfc3339(from).unwrap().to_utc();
    (0..count)
        .map(|_| {
            at = schedule.next_after(at);
            at.with_timezone(&schedule.timezone)
                .format("%Y-%m-%dT%H:%M%:z")
                .to_string()
        })
        .collect()
}

#[test]
fn the_ordered_example_runs_on_the_first_of_each_month() {
    let monthly = schedule(json!({"frequency": "MONTHLY", "day": 1, "time": "02:00"}));
    assert_eq!(
        due(&monthly, "2025-01-15T10:00:00Z", 3),
        [
            "2025-02-01T02:00+00:00",
            "2025-03-01T02:00+00:00",
            "2025-04-01T02:00+00:00"
        ]
    );
}

#[test]
fn nothing_is_due_where_the_calendar_ends() {
    for frequency in ["HOURLY", "DAILY"] {
        for timezone in ["Europe/Berlin", "America/New_York"] {
            let schedule = schedule(json!({"frequency": frequency, "timezone": timezone}));
            for end in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                assert_eq!(schedule.next_after(end), DateTime::<Utc>::MAX_UTC);
            }
            let last = "9999-12-31T23:59:59Z".parse().unwrap();
            assert!(schedule.next_after(last) > last);
        }
    }
}

#[test]
fn the_next_due_time_is_strictly_later() {
    let daily = schedule(json!({"frequency": "DAILY", "time": "02:00"}));
    assert_eq!(
        due(&daily, "2025-01-15T01:59:59.999Z", 1),
        ["2025-01-15T02:00+00:00"]
    );
    assert_eq!(
        due(&daily, "2025-01-15T02:00:00Z", 1),
        ["2025-01-16T02:00+00:00"]
    );
}

#[test]
fn a_day_beyond_the_month_is_its_last_one() {
    for (day, expected) in [
        (json!(31), ["01-31", "02-29", "03-31", "04-30", "05-31"]),
        (json!(30), ["01-30", "02-29", "03-30", "04-30", "05-30"]),
        (json!(29), ["01-29", "02-29", "03-29", "04-29", "05-29"]),
        (json!("LAST"), ["01-31", "02-29", "03-31", "04-30", "05-31"]),
    ] {
        let monthly = schedule(json!({"frequency": "MONTHLY", "day": day, "time": "00:00"}));
        let expected: Vec<_> = expected
            .iter()
            .map(|d| format!("2024-{d}T00:00+00:00"))
            .collect();
        assert_eq!(due(&monthly, "2023-12-31T00:00:00Z", 5), expected);
    }
    let monthly = schedule(json!({"frequency": "MONTHLY", "day": 31, "time": "00:00"}));
    assert_eq!(
        due(&monthly, "2025-02-01T00:00:00Z", 1),
        ["2025-02-28T00:00+00:00"]
    );
}

#[test]
fn a_week_begins_on_monday() {
    let weekly = |day: u8| {
        schedule(
            json!({"frequency": "WEEKLY", "day": day, "time": "09:30", "timezone": "Asia/Kolkata"}),
        )
    };
    // 2025-01-15 is a Wednesday; half past nine there is four o'clock in UTC.
    assert_eq!(
        due(&weekly(1), "2025-01-15T00:00:00Z", 2),
        ["2025-01-20T09:30+05:30", "2025-01-27T09:30+05:30"]
    );
    assert_eq!(
        due(&weekly(3), "2025-01-15T03:59:59Z", 1),
        ["2025-01-15T09:30+05:30"]
    );
    assert_eq!(
        due(&weekly(3), "2025-01-15T04:00:00Z", 1),
        ["2025-01-22T09:30+05:30"]
    );
    assert_eq!(
        due(&weekly(7), "2025-01-15T00:00:00Z", 1),
        ["2025-01-19T09:30+05:30"]
    );
}

#[test]
fn a_skipped_wall_time_runs_when_the_gap_ends() {
    for (zone, time, from, expected) in [
        (
            "America/New_York",
            "02:30",
            "2025-03-08T12:00:00Z",
            ["2025-03-09T03:00-04:00", "2025-03-10T02:30-04:00"],
        ),
        (
            "Europe/Berlin",
            "02:00",
            "2025-03-29T12:00:00Z",
            ["2025-03-30T03:00+02:00", "2025-03-31T02:00+02:00"],
        ),
        (
            "Europe/Paris",
            "02:59",
            "2025-03-29T12:00:00Z",
            ["2025-03-30T03:00+02:00", "2025-03-31T02:59+02:00"],
        ),
        (
            "Australia/Lord_Howe",
            "02:15",
            "2025-10-04T12:00:00Z",
            ["2025-10-05T02:30+11:00", "2025-10-06T02:15+11:00"],
        ),
        // Samoa crossed the date line: the whole of 30 December 2011 is missing there.
        (
            "Pacific/Apia",
            "02:00",
            "2011-12-29T13:00:00Z",
            ["2011-12-31T00:00+14:00", "2011-12-31T02:00+14:00"],
        ),
        (
            "Pacific/Apia",
            "00:00",
            "2011-12-29T11:00:00Z",
            ["2011-12-31T00:00+14:00", "2012-01-01T00:00+14:00"],
        ),
    ] {
        let daily = schedule(json!({"frequency": "DAILY", "time": time, "timezone": zone}));
        assert_eq!(due(&daily, from, 2), expected, "{zone} {time}");
    }
}

#[test]
fn a_repeated_wall_time_runs_the_first_time_only() {
    for (zone, time, from, expected) in [
        (
            "America/New_York",
            "01:30",
            "2025-11-01T12:00:00Z",
            ["2025-11-02T01:30-04:00", "2025-11-03T01:30-05:00"],
        ),
        (
            "Europe/Berlin",
            "02:30",
            "2025-10-25T12:00:00Z",
            ["2025-10-26T02:30+02:00", "2025-10-27T02:30+01:00"],
        ),
        (
            "Australia/Lord_Howe",
            "01:45",
            "2025-04-05T12:00:00Z",
            ["2025-04-06T01:45+11:00", "2025-04-07T01:45+10:30"],
        ),
    ] {
        let daily = schedule(json!({"frequency": "DAILY", "time": time, "timezone": zone}));
        assert_eq!(due(&daily, from, 2), expected, "{zone} {time}");
        // Asked between the two showings, the second is not a due time either.
        let between = daily.next_after(DateTime::parse_from_rfc3339(from).unwrap().to_utc())
            + TimeDelta::minutes(5);
        assert_eq!(
            due(&daily, &between.to_rfc3339(), 1),
            expected[1..],
            "{zone} {time}"
        );
    }
}

#[test]
fn every_hour_is_every_real_hour() {
    let hourly =
        |time, zone| schedule(json!({"frequency": "HOURLY", "time": time, "timezone": zone}));
    assert_eq!(
        due(
            &hourly("00:30", "America/New_York"),
            "2025-11-02T05:00:00Z",
            4
        ),
        [
            "2025-11-02T01:30-04:00",
            "2025-11-02T01:30-05:00",
            "2025-11-02T02:30-05:00",
            "2025-11-02T03:30-05:00"
        ]
    );
    assert_eq!(
        due(
            &hourly("00:30", "America/New_York"),
            "2025-03-09T06:00:00Z",
            3
        ),
        [
            "2025-03-09T01:30-05:00",
            "2025-03-09T03:30-04:00",
            "2025-03-09T04:30-04:00"
        ]
    );
    assert_eq!(
        due(&hourly("00:15", "Asia/Kolkata"), "2025-01-15T10:00:00Z", 2),
        ["2025-01-15T16:15+05:30", "2025-01-15T17:15+05:30"]
    );
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let zones = [
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Pacific/Apia",
    ];
    let days = prop_oneof![
        Just((Frequency::Hourly, None)),
        Just((Frequency::Daily, None)),
        (1_u8..=7).prop_map(|day| (Frequency::Weekly, Some(Day::Number(day)))),
        (1_u8..=31).prop_map(|day| (Frequency::Monthly, Some(Day::Number(day)))),
        Just((Frequency::Monthly, Some(Day::Last))),
    ];
    (
        days,
        0_u32..24,
        0_u32..60,
        proptest::sample::select(zones.to_vec()),
    )
        .prop_map(|((frequency, day), hour, minute, zone)| Schedule {
            frequency,
            day,
            time: NaiveTime::from_hms_opt(hour, minute, 0).unwrap(),
            timezone: zone.parse().unwrap(),
            missed_runs: MissedRuns::RunOnce,
        })
}

proptest! {
    #[test]
    fn due_times_rise_and_show_the_wall_time_or_end_a_gap(
        schedule in any_schedule(),
        start_s in 1_300_000_000_i64..2_200_000_000,
    ) {
        let mut at = DateTime::from_timestamp(start_s, 0).unwrap();
        for _ in 0..40 {
            let due = schedule.next_after(at);
            prop_assert!(due > at);
            // Nothing between was left out: from any moment in between, the answer is the same.
            prop_assert_eq!(schedule.next_after(at + (due - at) / 2), due);
            prop_assert_eq!(schedule.next_after(due - TimeDelta::nanoseconds(1)), due);
            let shown = due.with_timezone(&schedule.timezone).naive_local();
            let before = (due - TimeDelta::seconds(1)).with_timezone(&schedule.timezone).naive_local();
            let ends_a_gap = shown - before > TimeDelta::seconds(1);
            if schedule.frequency == Frequency::Hourly {
                prop_assert_eq!(shown.minute(), schedule.time.minute());
                prop_assert!(due - at <= TimeDelta::minutes(90));
            } else {
                prop_assert!(shown.time() == schedule.time || ends_a_gap, "{shown}");
            }
            prop_assert_eq!(shown.second(), 0);
            if !ends_a_gap && schedule.frequency == Frequency::Weekly {
                prop_assert_eq!(schedule.day, Some(Day::Number(shown.weekday().number_from_monday() as u8)));
            }
            at = due;
        }
    }
}
