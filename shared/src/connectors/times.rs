//! How vendors write an instant.

use std::borrow::Cow;

use chrono::{
    DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, SubsecRound, TimeDelta, Utc,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The forms in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimeFormat {
    /// Whole seconds since 1970, as a number or its text.
    UnixSeconds,
    /// Milliseconds since 1970, as a number or its text.
    UnixMillis,
    /// RFC 3339, with an offset.
    Rfc3339,
    /// ISO 8601 with an offset, with or without its colon.
    Iso8601,
    /// A date and time in UTC without an offset, with `T` or a blank between them.
    Naive,
    /// `/Date(milliseconds+0000)/`.
    DateCall,
    /// A day, taken as its start in UTC.
    Date,
}

impl TimeFormat {
    /// Reads a JSON value; `None` for what is no such time.
    pub(super) fn read(self, json: &str) -> Option<DateTime<Utc>> {
        let text: Cow<'_, str> = if json.starts_with('"') {
            serde_json::from_str(json).ok()?
        } else {
            Cow::Borrowed(json)
        };
        match self {
            Self::UnixSeconds => DateTime::from_timestamp(text.parse().ok()?, 0),
            Self::UnixMillis => DateTime::from_timestamp_millis(text.parse().ok()?),
            Self::Rfc3339 => DateTime::parse_from_rfc3339(&text)
                .ok()
                .map(|time| time.to_utc()),
            Self::Iso8601 => DateTime::parse_from_rfc3339(&text)
                .or_else(|_| DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f%z"))
                .ok()
                .map(|time| time.to_utc()),
            Self::Naive => text
                .replacen(' ', "T", 1)
                .parse::<NaiveDateTime>()
                .ok()
                .map(|time| time.and_utc()),
            Self::DateCall => {
                let inside = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
                // What follows is the offset at which people read it; the milliseconds are UTC.
                let end = inside
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| matches!(c, '+' | '-'));
                let millis = &inside[..end.map_or(inside.len(), |(end, _)| end)];
                DateTime::from_timestamp_millis(millis.parse().ok()?)
            }
            Self::Date => text
                .parse::<NaiveDate>()
                .ok()
                .map(|day| day.and_time(NaiveTime::MIN).and_utc()),
        }
        // Beyond what Postgres and RFC 3339 can hold.
        .filter(|time| (0..=9_999).contains(&chrono::Datelike::year(time)))
    }

    /// Writes an instant as a query parameter: the last one of this form that is not later.
    pub(super) fn write(self, time: DateTime<Utc>) -> String {
        match self {
            Self::UnixSeconds => time.timestamp().to_string(),
            Self::UnixMillis => time.timestamp_millis().to_string(),
            Self::Rfc3339 | Self::Iso8601 => time.to_rfc3339_opts(SecondsFormat::Secs, true),
            Self::Naive => time.format("%Y-%m-%dT%H:%M:%S").to_string(),
            Self::DateCall => format!("/Date({}+0000)/", time.timestamp_millis()),
            Self::Date => time.date_naive().to_string(),
        }
    }

    /// Writes the end of a span: the first instant of this form that is not earlier, so that a vendor which dates in
    /// whole seconds or days leaves out nothing of the last one.
    pub(super) fn write_end(self, time: DateTime<Utc>) -> String {
        let whole = match self {
            Self::UnixSeconds | Self::Rfc3339 | Self::Iso8601 | Self::Naive => {
                time.trunc_subsecs(0)
            }
            Self::UnixMillis | Self::DateCall => time.trunc_subsecs(3),
            Self::Date => time.date_naive().and_time(NaiveTime::MIN).and_utc(),
        };
        let next = match self {
            Self::UnixSeconds | Self::Rfc3339 | Self::Iso8601 | Self::Naive => {
                whole.checked_add_signed(TimeDelta::seconds(1))
            }
            Self::UnixMillis | Self::DateCall => {
                whole.checked_add_signed(TimeDelta::milliseconds(1))
            }
            Self::Date => whole.checked_add_days(Days::new(1)),
        };
        self.write(if whole < time {
            next.unwrap_or(time)
        } else {
            time
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_reads_what_it_writes() {
        let midnight: DateTime<Utc> = "2025-01-15T00:00:00Z".parse().unwrap();
        for (format, written) in [
            (TimeFormat::UnixSeconds, "1736899200"),
            (TimeFormat::UnixMillis, "1736899200000"),
            (TimeFormat::Rfc3339, "2025-01-15T00:00:00Z"),
            (TimeFormat::Iso8601, "2025-01-15T00:00:00Z"),
            (TimeFormat::Naive, "2025-01-15T00:00:00"),
            (TimeFormat::DateCall, "/Date(1736899200000+0000)/"),
            (TimeFormat::Date, "2025-01-15"),
        ] {
            assert_eq!(format.write(midnight), written);
            assert_eq!(format.read(&format!("\"{written}\"")), Some(midnight));
        }
        assert_eq!(TimeFormat::UnixSeconds.read("1736899200"), Some(midnight));
        for (format, written) in [
            (TimeFormat::Iso8601, "2025-01-14T16:00:00.000-0800"),
            (TimeFormat::Iso8601, "2025-01-14T16:00:00-08:00"),
            (TimeFormat::Naive, "2025-01-15 00:00:00"),
            (TimeFormat::Naive, "2025-01-15T00:00:00.0000000"),
            (TimeFormat::DateCall, "/Date(1736899200000)/"),
            (TimeFormat::DateCall, "/Date(1736899200000-0800)/"),
        ] {
            assert_eq!(
                format.read(&format!("\"{written}\"")),
                Some(midnight),
                "{written}"
            );
        }
        assert_eq!(
            TimeFormat::Rfc3339.read("\"2025-01-15T01:00:00+01:00\""),
            Some(midnight)
        );
    }

    #[test]
    fn the_end_of_a_span_is_never_written_too_early() {
        let midnight = "2025-01-15T00:00:00Z";
        for (time, seconds, day) in [
            (midnight, "1736899200", "2025-01-15"),
            ("2025-01-15T00:00:00.000001Z", "1736899201", "2025-01-16"),
            ("2025-01-15T23:59:59Z", "1736985599", "2025-01-16"),
        ] {
            let end: DateTime<Utc> = time.parse().unwrap();
            assert_eq!(TimeFormat::UnixSeconds.write_end(end), seconds);
            assert_eq!(TimeFormat::Date.write_end(end), day);
        }
        let end = "2025-01-15T00:00:00.5Z".parse().unwrap();
        assert_eq!(TimeFormat::Rfc3339.write_end(end), "2025-01-15T00:00:01Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for json in [
            "null",
            "{}",
            "true",
            "1.5",
            "\"\"",
            "\"soon\"",
            "99999999999999999",
        ] {
            for format in [
                TimeFormat::UnixSeconds,
                TimeFormat::UnixMillis,
                TimeFormat::Rfc3339,
                TimeFormat::Iso8601,
                TimeFormat::Naive,
                TimeFormat::DateCall,
                TimeFormat::Date,
            ] {
                assert_eq!(format.read(json), None, "{json}");
            }
        }
    }
}
