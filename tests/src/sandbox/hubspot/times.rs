//! Times as HubSpot writes them: to the millisecond, unless that is none.

use chrono::DateTime;

use crate::draw::mix;
use crate::sandbox::kit::times::utc;

/// The milliseconds of an id's times: each record has its own, now and then none.
pub(super) fn millis(id: &str) -> i64 {
    let number: u64 = id.parse().unwrap_or_default();
    match mix(number) % 1_000 {
        odd if odd % 7 == 0 => 0,
        millis => millis as i64,
    }
}

/// `2026-05-01T07:25:37.120Z`, or without the fraction when it is zero.
pub(super) fn iso(unix_s: i64, millis: i64) -> String {
    let time = utc(unix_s).format("%Y-%m-%dT%H:%M:%S").to_string();
    match millis {
        0 => time + "Z",
        millis => format!("{time}.{millis:03}Z"),
    }
}

/// The milliseconds since 1970 of a time in a filter: of such a number, or of an ISO time or date.
pub(super) fn parse(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse() {
        return Some(millis);
    }
    let midnight = format!("{text}T00:00:00Z");
    let moment =
        DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc3339(&midnight));
    Some(moment.ok()?.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_of_zero_is_left_out_and_some_records_have_one() {
        assert_eq!(iso(1_777_620_337, 0), "2026-05-01T07:25:37Z");
        assert_eq!(iso(1_777_620_337, 7), "2026-05-01T07:25:37.007Z");
        let fractions: Vec<i64> = (0..60).map(|id: u64| millis(&id.to_string())).collect();
        assert!(fractions.contains(&0) && fractions.iter().any(|it| *it > 0));
        for text in ["1777620337007", "2026-05-01T07:25:37.007Z"] {
            assert_eq!(parse(text), Some(1_777_620_337_007), "{text}");
        }
        assert_eq!(parse("soon"), None);
    }
}
