//! How often a connection syncs by itself: `30s`, `15m`, `1h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A whole number of seconds between 30 s and 30 d, kept in the unit it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SyncInterval {
    count: u32,
    unit: char,
}

/// A text that is not such an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInterval {
    /// Not a number and a unit.
    #[error("an interval is a whole number and one of s, m, h, d, for example 15m")]
    Form,
    /// Outside the bounds.
    #[error("an interval is at least 30s and at most 30d")]
    Range,
}

impl SyncInterval {
    /// The same as a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.count) * seconds_of(self.unit).unwrap_or(1))
    }
}

fn seconds_of(unit: char) -> Option<u64> {
    match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    }
}

impl FromStr for SyncInterval {
    type Err = InvalidInterval;

    fn from_str(text: &str) -> Result<Self, InvalidInterval> {
        let unit = text.chars().last().ok_or(InvalidInterval::Form)?;
        let seconds = seconds_of(unit).ok_or(InvalidInterval::Form)?;
        let digits = &text[..text.len() - 1];
        if digits.is_empty()
            || !digits.bytes().all(|b| b.is_ascii_digit())
            || digits.starts_with('0')
        {
            return Err(InvalidInterval::Form);
        }
        let count: u32 = digits.parse().map_err(|_| InvalidInterval::Range)?;
        if !(30..=30 * 86_400).contains(&(u64::from(count) * seconds)) {
            return Err(InvalidInterval::Range);
        }
        Ok(Self { count, unit })
    }
}

impl TryFrom<String> for SyncInterval {
    type Error = InvalidInterval;
    fn try_from(text: String) -> Result<Self, InvalidInterval> {
        text.parse()
    }
}

impl From<SyncInterval> for String {
    fn from(interval: SyncInterval) -> Self {
        interval.to_string()
    }
}

impl fmt::Display for SyncInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_keeps_its_spelling_and_knows_its_length() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("1h", 3_600), ("30d", 2_592_000)] {
            let interval: SyncInterval = text.parse().unwrap();
            assert_eq!(interval.to_string(), text);
            assert_eq!(interval.duration().as_secs(), seconds);
        }
    }

    #[test]
    fn what_is_not_an_interval_is_told_apart_from_what_is_out_of_range() {
        for text in [
            "", "m", "15", "15 m", "1.5h", "-1h", "015m", "15x", "15é", "１m",
        ] {
            assert_eq!(
                text.parse::<SyncInterval>(),
                Err(InvalidInterval::Form),
                "{text}"
            );
        }
        for text in ["29s", "31d", "99999999999d"] {
            assert_eq!(
                text.parse::<SyncInterval>(),
                Err(InvalidInterval::Range),
                "{text}"
            );
        }
    }
}
