//! What another system answered.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;

/// A whole answer, within the size that was allowed.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, decompressed.
    pub body: Bytes,
    /// From the first byte sent to the last byte received.
    pub latency: Duration,
    /// When it arrived, by our clock.
    pub received_at: DateTime<Utc>,
    pub(super) headers: HeaderMap,
}

impl Answer {
    /// Whether the status is one of the 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header by its name, in any case; `None` when it is absent or is no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Every value of a header that may come more than once.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok())
    }

    /// When the other side says it answered: its `Date` header.
    #[must_use]
    pub fn date(&self) -> Option<DateTime<Utc>> {
        http_date(self.header("date")?)
    }

    /// How long the other side asks us to wait: `Retry-After`, in seconds or as a date.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let asked = self.header("retry-after")?.trim();
        if let Ok(seconds) = asked.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        // Both dates come from the other side's clock where it gives one, so that ours need not agree with it.
        let wait = http_date(asked)? - self.date().unwrap_or(self.received_at);
        Some(wait.max(TimeDelta::zero()).to_std().unwrap_or_default())
    }
}

fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text.trim())
        .ok()
        .map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn answer(headers: &[(&'static str, &'static str)]) -> Answer {
        Answer {
            status: 429,
            body: Bytes::new(),
            latency: Duration::ZERO,
            received_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            headers: headers
                .iter()
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect(),
        }
    }

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date_by_the_other_sides_clock() {
        let seconds = |headers: &[_]| answer(headers).retry_after().map(|wait| wait.as_secs());
        assert_eq!(seconds(&[("retry-after", "7")]), Some(7));
        assert_eq!(
            seconds(&[
                ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
                ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"),
            ]),
            Some(30)
        );
        assert_eq!(
            seconds(&[("retry-after", "Thu, 01 Jan 2026 00:01:00 GMT")]),
            Some(60)
        );
        assert_eq!(
            seconds(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]),
            Some(0),
            "a date that has passed asks for no wait"
        );
        for nonsense in ["soon", "-3", ""] {
            assert_eq!(
                answer(&[("retry-after", nonsense)]).retry_after(),
                None,
                "{nonsense}"
            );
        }
        assert_eq!(seconds(&[]), None);
    }
}
