//! Times as Xero writes and reads them.

use chrono::{DateTime, NaiveDateTime};

use crate::sandbox::kit::times;

/// `/Date(1776297600000+0000)/`
pub(super) fn ms_date(unix_s: i64) -> String {
    format!("/Date({}+0000)/", unix_s * 1_000)
}

/// Midnight of the day, as both forms of a date field have it: `/Date(…)/` and `2026-04-16T00:00:00`.
pub(super) fn day(unix_s: i64) -> (String, String) {
    let midnight = unix_s - unix_s.rem_euclid(86_400);
    (
        ms_date(midnight),
        format!("{}T00:00:00", times::date(midnight)),
    )
}

/// The moment of an `If-Modified-Since`: ISO 8601 with a zone or, as Xero's own libraries send it, without one; or as
/// HTTP writes dates. Without a zone it is UTC.
pub(super) fn modified_since(text: &str) -> Option<i64> {
    let bare = || {
        let read = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        Some(read.and_utc().timestamp())
    };
    let http = || Some(DateTime::parse_from_rfc2822(text).ok()?.timestamp());
    times::parse(text).or_else(bare).or_else(http)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_is_read_in_four_forms() {
        for text in [
            "2026-04-16T00:00:00",
            "2026-04-16T00:00:00.000",
            "2026-04-16T02:00:00+02:00",
            "Thu, 16 Apr 2026 00:00:00 GMT",
        ] {
            assert_eq!(modified_since(text), Some(1_776_297_600), "{text}");
        }
        assert_eq!(modified_since("yesterday"), None);
        assert_eq!(
            day(1_776_297_600 + 86_399),
            (
                "/Date(1776297600000+0000)/".into(),
                "2026-04-16T00:00:00".into()
            )
        );
    }
}
