//! Times as QuickBooks writes them: in the company's zone, which here is Pacific time.

use chrono::{Datelike as _, NaiveDate};

use crate::sandbox::kit::times;

/// `2026-05-01T08:00:00-07:00`, in summer; in winter `-08:00`.
pub(super) fn pacific(unix_s: i64) -> String {
    times::with_offset(unix_s, offset_hours(unix_s))
}

/// The date in Pacific time.
pub(super) fn pacific_date(unix_s: i64) -> String {
    times::date(unix_s + i64::from(offset_hours(unix_s)) * 3_600)
}

/// The first second of a date in Pacific time.
pub(super) fn date_start_s(date: &str) -> Option<i64> {
    let midnight = times::parse(&format!("{date}T00:00:00Z"))?;
    // The clocks change at two in the morning, never at midnight.
    Some(midnight - i64::from(offset_hours(midnight + 8 * 3_600)) * 3_600)
}

/// Summer time holds from the second Sunday of March to the first of November, at two in the morning.
fn offset_hours(unix_s: i64) -> i32 {
    let year = times::utc(unix_s).year();
    let sunday = |month, nth| {
        NaiveDate::from_weekday_of_month_opt(year, month, chrono::Weekday::Sun, nth)
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .map_or(0, |start| start.and_utc().timestamp())
    };
    let summer = sunday(3, 2) + 10 * 3_600..sunday(11, 1) + 9 * 3_600;
    if summer.contains(&unix_s) { -7 } else { -8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_changes_with_summer_time() {
        // 2026-03-08 and 2026-11-01, at two in the morning.
        for (change, before, after) in [
            (
                1_772_964_000,
                "2026-03-08T01:59:59-08:00",
                "2026-03-08T03:00:00-07:00",
            ),
            (
                1_793_523_600,
                "2026-11-01T01:59:59-07:00",
                "2026-11-01T01:00:00-08:00",
            ),
        ] {
            assert_eq!(pacific(change - 1), before);
            assert_eq!(pacific(change), after);
        }
        assert_eq!(
            date_start_s("2026-07-01"),
            times::parse("2026-07-01T00:00:00-07:00")
        );
        assert_eq!(pacific_date(1_772_964_000 - 7_201), "2026-03-07");
        assert_eq!(pacific_date(1_772_964_000 - 7_200), "2026-03-08");
    }
}
