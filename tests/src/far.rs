//! Times that do not come while a test runs, whenever that is.

use chrono::{DateTime, Datelike, Duration, Timelike, Utc};
use rail_shared::domain::Clock;

fn now() -> DateTime<Utc> {
    Clock::system().now()
}

/// A time of day, half a day from now: `15:04`.
#[must_use]
pub fn time_of_day() -> String {
    (now() + Duration::hours(12)).format("%H:%M").to_string()
}

/// A time within every hour, half an hour from now: `00:04`.
#[must_use]
pub fn time_of_hour() -> String {
    (now() + Duration::minutes(30)).format("00:%M").to_string()
}

/// A day of the month, and not one of the next two.
#[must_use]
pub fn day_of_month() -> u32 {
    if now().day() < 13 { 16 } else { 2 }
}

/// A time zone in which it is another day than in UTC, and not midnight soon; and how many hours it is ahead.
#[must_use]
pub fn zone() -> (&'static str, i64) {
    if now().hour() < 10 {
        ("Pacific/Pago_Pago", -11)
    } else {
        ("Pacific/Kiritimati", 14)
    }
}
