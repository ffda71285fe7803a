//! Times as vendors write them.

use chrono::{DateTime, FixedOffset, Utc};

/// 2025-01-01 and 2026-01-01 in Unix seconds: the year in which the records of the start were created.
pub const FIRST_YEAR: (i64, i64) = (1_735_689_600, 1_767_225_600);

/// The moment of a Unix second.
pub fn utc(unix_s: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(unix_s, 0).unwrap_or_default()
}

/// `2025-01-31T23:59:59Z`
pub fn zulu(unix_s: i64) -> String {
    utc(unix_s).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2025-01-31`
pub fn date(unix_s: i64) -> String {
    utc(unix_s).format("%Y-%m-%d").to_string()
}

/// `2025-01-31T15:59:59-08:00`, for an offset of -8 hours.
pub fn with_offset(unix_s: i64, hours: i32) -> String {
    match FixedOffset::east_opt(hours * 3_600) {
        Some(zone) => utc(unix_s)
            .with_timezone(&zone)
            .format("%Y-%m-%dT%H:%M:%S%:z")
            .to_string(),
        None => zulu(unix_s),
    }
}

/// The Unix second of an RFC 3339 time.
pub fn parse(text: &str) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_is_written_in_several_ways() {
        let (start, _) = FIRST_YEAR;
        assert_eq!(zulu(start), "2025-01-01T00:00:00Z");
        assert_eq!(date(start - 1), "2024-12-31");
        assert_eq!(with_offset(start, -8), "2024-12-31T16:00:00-08:00");
        assert_eq!(parse(&with_offset(start, -8)), Some(start));
        assert_eq!(parse("2025-01-01"), None);
    }
}
