//! Times and numbers as Salesforce writes and reads them.

use chrono::DateTime;
use serde_json::Value;

use crate::sandbox::kit::exact;
use crate::sandbox::kit::times::utc;

/// `2026-05-01T07:25:37.000+0000`: no colon in the offset, so this is not RFC 3339.
pub(super) fn stamp(unix_s: i64) -> String {
    utc(unix_s).format("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

/// `2026-05-01T07:25:37.000Z`, as the files of bulk jobs have it.
pub(super) fn bulk_stamp(stamp: &str) -> String {
    stamp.replace("+0000", "Z")
}

/// The Unix second of a time in a query, with a zone in any of the forms.
pub(super) fn parse(text: &str) -> Option<i64> {
    let moment = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    Some(moment.ok()?.timestamp())
}

/// A number of cents as Java prints a double: `12.5`, `1234567.0`, and from ten million on `1.2345678E7`.
pub(super) fn double(cents: i64) -> Value {
    let sign = if cents < 0 { "-" } else { "" };
    let (whole, part) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
    let (head, tail, power) = if whole < 10_000_000 {
        (whole.to_string(), format!("{part:02}"), String::new())
    } else {
        let digits = whole.to_string();
        let power = format!("E{}", digits.len() - 1);
        (
            digits[..1].to_owned(),
            format!("{}{part:02}", &digits[1..]),
            power,
        )
    };
    let tail = tail.trim_end_matches('0');
    let tail = if tail.is_empty() { "0" } else { tail };
    exact(&format!("{sign}{head}.{tail}{power}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::kit::write;

    #[test]
    fn doubles_are_written_as_java_does() {
        for (cents, text) in [
            (0, "0.0"),
            (1_250, "12.5"),
            (1_205, "12.05"),
            (-7, "-0.07"),
            (123_456_700, "1234567.0"),
            (1_234_567_800, "1.2345678E7"),
            (1_000_000_000, "1.0E7"),
            (12_345_678_901_234, "1.2345678901234E11"),
        ] {
            assert_eq!(write(&double(cents)), text);
        }
    }

    #[test]
    fn a_time_is_read_with_any_form_of_zone_and_with_none_not_at_all() {
        for text in [
            "2026-05-01T07:25:37Z",
            "2026-05-01T09:25:37+02:00",
            "2026-05-01T07:25:37.000+0000",
        ] {
            assert_eq!(parse(text), Some(1_777_620_337), "{text}");
        }
        assert_eq!(stamp(1_777_620_337), "2026-05-01T07:25:37.000+0000");
        assert_eq!(parse("2026-05-01T07:25:37"), None);
    }
}
