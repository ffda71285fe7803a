//! Spans of time a sync may be limited to.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

/// Whole days as the caller names them: both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateRange {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl DateRange {
    /// The same in UTC, half-open: from the start of the first day up to the start of the day after the last.
    #[must_use]
    pub fn window(self) -> Window {
        let after = self
            .to
            .checked_add_days(Days::new(1))
            .unwrap_or(NaiveDate::MAX);
        Window {
            from: self.from.and_time(NaiveTime::MIN).and_utc(),
            until: after.and_time(NaiveTime::MIN).and_utc(),
        }
    }
}

/// A half-open span of time: `from` is inside, `until` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first instant inside.
    pub from: DateTime<Utc>,
    /// The first instant after.
    pub until: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_days_ends_before_the_day_after_its_last() {
        let day = |d| NaiveDate::from_ymd_opt(2025, 1, d).unwrap();
        let window = DateRange {
            from: day(1),
            to: day(15),
        }
        .window();
        assert_eq!(window.from.to_rfc3339(), "2025-01-01T00:00:00+00:00");
        assert_eq!(window.until.to_rfc3339(), "2025-01-16T00:00:00+00:00");
    }
}
