//! Times as ComplyAdvantage writes and reads them: without a zone.

use chrono::{NaiveDate, NaiveDateTime};

use crate::sandbox::kit::times::utc;

/// `2015-06-16 09:58:22`, in UTC.
pub(super) fn naive(unix_s: i64) -> String {
    utc(unix_s).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The Unix second of a time or of the start of a date.
pub(super) fn parse(text: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
    let date = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0);
    Some(time.or_else(date)?.and_utc().timestamp())
}
