//! Texts that are dates or points in time. Exports look at every text of every record, so no general parser is asked.

use chrono::NaiveDate;

/// The seconds of the years 1 to 9999: beyond them, common readers have no calendar.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const DATE_LENGTH: usize = 10;
const DAY_SECONDS: i64 = 86_400;

/// The days since 1970 of a text `YYYY-MM-DD`, if it is a day that there is, from year 1 on.
pub(in crate::formats) fn date(text: &str) -> Option<i32> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text.as_bytes() else {
        return None;
    };
    let year = number(&[y0, y1, y2, y3]).filter(|year| *year > 0)?;
    let year = i32::try_from(year).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(&[m0, m1])?, number(&[d0, d1])?)?;
    Some(date.to_epoch_days())
}

/// The microseconds since 1970 (UTC) of a text as RFC 3339 has it, with its zone, if that is exact: no more than six
/// digits of a second, no leap second, a year from 1 to 9999.
pub(in crate::formats) fn timestamp(text: &str) -> Option<i64> {
    let (day, time) = text.split_at_checked(DATE_LENGTH)?;
    let [b'T' | b't', h0, h1, b':', m0, m1, b':', s0, s1, rest @ ..] = time.as_bytes() else {
        return None;
    };
    let hour = number(&[*h0, *h1]).filter(|hour| *hour < 24)?;
    let minute = number(&[*m0, *m1]).filter(|minute| *minute < 60)?;
    let second = number(&[*s0, *s1]).filter(|second| *second < 60)?;
    let (micros, zone) = match rest {
        [b'.', rest @ ..] => fraction(rest)?,
        zone => (0, zone),
    };
    let of_day = i64::from(hour * 3_600 + minute * 60 + second);
    let seconds = i64::from(date(day)?) * DAY_SECONDS + of_day - offset(zone)?;
    let exact = SECONDS.contains(&seconds);
    exact.then_some(seconds * 1_000_000 + i64::from(micros))
}

/// Up to six digits as microseconds, and what comes after.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=6).contains(&length) {
        return None;
    }
    let (digits, rest) = text.split_at(length);
    let missing = u32::try_from(6 - length).ok()?;
    Some((number(digits)? * 10_u32.pow(missing), rest))
}

/// The seconds that a zone is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, [h0, h1, m0, m1]) = match zone {
        [b'Z' | b'z'] => return Some(0),
        &[sign, h0, h1, b':', m0, m1] => (sign, [h0, h1, m0, m1]),
        _ => return None,
    };
    let hours = number(&[h0, h1]).filter(|hours| *hours < 24)?;
    let minutes = number(&[m0, m1]).filter(|minutes| *minutes < 60)?;
    let seconds = i64::from(hours * 3_600 + minutes * 60);
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// A few digits, and nothing else.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u32::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_date_is_a_day_that_there_is() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("1969-12-31"), Some(-1));
        assert_eq!(date("0001-01-01"), Some(-719_162));
        assert_eq!(date("9999-12-31"), Some(2_932_896));
        assert!(date("2024-02-29").is_some());
        for no in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-04-31",
            "0000-01-01",
            "2024-1-01",
            "2024/01/01",
            "20240101",
            "+2024-01-1",
            "2024-01-01 ",
            "12024-01-01",
            "2024-01-0é",
            "",
        ] {
            assert_eq!(date(no), None, "{no}");
        }
    }

    #[test]
    fn a_timestamp_is_read_to_the_microsecond_in_any_zone() {
        assert_eq!(timestamp("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(timestamp("1970-01-01T00:00:00.000001Z"), Some(1));
        assert_eq!(timestamp("1969-12-31T23:59:59.5Z"), Some(-500_000));
        assert_eq!(timestamp("1970-01-01T02:00:00+02:00"), Some(0));
        assert_eq!(timestamp("1969-12-31T18:30:00-05:30"), Some(0));
        assert_eq!(timestamp("1970-01-01t00:00:01z"), Some(1_000_000));
        assert_eq!(
            timestamp("9999-12-31T23:59:59.999999Z"),
            Some(253_402_300_799_999_999)
        );
    }

    #[test]
    fn what_would_lose_something_is_no_timestamp() {
        for no in [
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.1234567Z",
            "2024-01-01T00:00:00.Z",
            "2024-06-30T23:59:60Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-02-30T00:00:00Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00+0000",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+00:60",
            "2024-01-01T00:00:00Z ",
            "2024-01-01T00:00Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-00:01",
            "2024-01-0éT00:00:00Z",
        ] {
            assert_eq!(timestamp(no), None, "{no}");
        }
    }

    proptest! {
        #[test]
        fn a_timestamp_is_the_one_the_calendar_knows(
            micros in -62_135_596_800_000_000_i64..=253_402_300_799_999_999,
            minutes in -1_439_i32..1_440,
        ) {
            let at = DateTime::from_timestamp_micros(micros).unwrap();
            let zone = chrono::FixedOffset::east_opt(minutes * 60).unwrap();
            let there = at.with_timezone(&zone).to_rfc3339();
            prop_assume!(there.starts_with(|first: char| first.is_ascii_digit()));
            prop_assume!(!there.starts_with("0000"));
            prop_assert_eq!(timestamp(&there), Some(micros), "{}", there);
            let day = at.date_naive();
            prop_assert_eq!(date(&day.to_string()), Some(day.to_epoch_days()));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "[0-9TZ:.+-]{0,32}|.{0,12}") {
            let known = DateTime::parse_from_rfc3339(&text).ok();
            if let Some(micros) = timestamp(&text) {
                prop_assert_eq!(known.map(|at| at.timestamp_micros()), Some(micros));
            }
            date(&text);
        }
    }
}
