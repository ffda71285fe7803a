//! When a scheduled export runs: by the wall clock of a zone, with a defined answer where that clock jumps.

use chrono::{
    DateTime, Datelike, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
    Timelike, Utc,
};
use chrono_tz::Tz;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::filter::child_pointer;
use super::{Faults, Frequency, MissedRuns};

/// The day of the week or of the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// 1 (Monday) to 7 of a week, 1 to 31 of a month.
    Number(u8),
    /// The last day of a month, however long it is.
    Last,
}

/// A repeating point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How often.
    pub frequency: Frequency,
    /// Which day, for weeks and months only.
    pub day: Option<Day>,
    /// The wall clock; only its minute counts for every hour.
    pub time: NaiveTime,
    /// Whose wall clock.
    pub timezone: Tz,
    /// What becomes of a due time that passed while nothing worked.
    pub missed_runs: MissedRuns,
}

const FIELDS: [&str; 5] = ["frequency", "day", "time", "timezone", "missedRuns"];
/// A due time is missed when nothing looked for so long after it.
const MISSED_AFTER: TimeDelta = TimeDelta::minutes(5);
/// There are no due times beyond them: the calendar of the library ends where its instants do.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

impl Schedule {
    /// Reads `{"frequency":"MONTHLY","day":1,"time":"02:00","timezone":"Europe/Berlin"}`. `time` defaults to
    /// midnight, `timezone` to UTC and `missedRuns` to RUN_ONCE; `day` belongs to weeks and months, and `"LAST"` to months.
    /// What is null is as if it were left out.
    ///
    /// # Errors
    /// Every fault, each at its pointer below `pointer`.
    pub fn parse(json: &Value, pointer: &str) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let Some(mut fields) = json.as_object().cloned() else {
            faults.add(
                pointer,
                "wrong-type",
                "A schedule is an object with frequency, day, time and timezone.",
            );
            return Err(faults);
        };
        fields.retain(|_, value| !value.is_null());
        let fields = &fields;
        for name in fields
            .keys()
            .filter(|name| !FIELDS.contains(&name.as_str()))
        {
            faults.add(
                child_pointer(pointer, name),
                "unknown-field",
                format!("A schedule has no {name:?}; its fields are {FIELDS:?}."),
            );
        }
        let frequency = read_frequency(fields, pointer, &mut faults);
        let day = frequency.and_then(|frequency| read_day(frequency, fields, pointer, &mut faults));
        let time = read_time(fields, pointer, &mut faults);
        let timezone = read_timezone(fields, pointer, &mut faults);
        let missed_runs = read_missed_runs(fields, pointer, &mut faults);
        match (frequency, time, timezone, missed_runs) {
            (Some(frequency), Some(time), Some(timezone), Some(missed_runs))
                if faults.is_empty() =>
            {
                Ok(Self {
                    frequency,
                    day,
                    time,
                    timezone,
                    missed_runs,
                })
            }
            _ => Err(faults),
        }
    }

    /// The first due time strictly after `instant`.
    ///
    /// A wall time that a change of clocks skips runs at the first instant after the gap; one that comes twice runs
    /// the first time only. Every hour means whenever the zone's clock shows the minute, so a repeated hour runs
    /// twice and a skipped one not at all: in real time there is one run in each hour.
    #[must_use]
    pub fn next_after(&self, instant: DateTime<Utc>) -> DateTime<Utc> {
        if !YEARS.contains(&instant.year()) {
            return DateTime::<Utc>::MAX_UTC;
        }
        let next = if self.frequency == Frequency::Hourly {
            self.next_minute_shown(instant)
        } else {
            self.dates_from(instant)
                .filter_map(|date| first_instant_showing(self.timezone, date.and_time(self.time)))
                .find(|due| *due > instant)
        };
        // Nothing is due where the calendar ends.
        next.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Whether what was due then is left out now: it was missed, and what is missed is not made up for.
    #[must_use]
    pub fn leaves_out(&self, due: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.missed_runs == MissedRuns::Skip && now - due > MISSED_AFTER
    }

    fn next_minute_shown(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // A clock that jumps by a part of an hour shows a minute again within an hour and a half.
        const MINUTES_AHEAD: i64 = 180;
        let whole = instant.with_second(0)?.with_nanosecond(0)?;
        (1..=MINUTES_AHEAD)
            .filter_map(|minutes| whole.checked_add_signed(TimeDelta::minutes(minutes)))
            .find(|due| due.with_timezone(&self.timezone).minute() == self.time.minute())
    }

    /// The local dates that may hold the next due time, in order. None before today can: what it falls on, or the end
    /// of the gap it falls in, has passed.
    fn dates_from(&self, instant: DateTime<Utc>) -> Box<dyn Iterator<Item = NaiveDate>> {
        let today = instant.with_timezone(&self.timezone).date_naive();
        match (self.frequency, self.day) {
            (Frequency::Weekly, Some(Day::Number(day))) => Box::new(
                today
                    .iter_days()
                    .filter(move |date| date.weekday().number_from_monday() == u32::from(day))
                    .take(3),
            ),
            (Frequency::Monthly, Some(day)) => Box::new(
                months_from(today)
                    .filter_map(move |month| in_month(month, day))
                    .take(4),
            ),
            _ => Box::new(today.iter_days().take(4)),
        }
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Map::new();
        fields.insert("frequency".into(), json!(self.frequency));
        match self.day {
            Some(Day::Number(day)) => fields.insert("day".into(), json!(day)),
            Some(Day::Last) => fields.insert("day".into(), json!("LAST")),
            None => None,
        };
        fields.insert("time".into(), json!(self.time.format("%H:%M").to_string()));
        fields.insert("timezone".into(), json!(self.timezone.name()));
        if self.missed_runs != MissedRuns::RunOnce {
            fields.insert("missedRuns".into(), json!(self.missed_runs));
        }
        fields.serialize(serializer)
    }
}

fn read_frequency(
    fields: &Map<String, Value>,
    pointer: &str,
    faults: &mut Faults,
) -> Option<Frequency> {
    let word = fields.get("frequency").and_then(Value::as_str);
    let frequency = word.and_then(|word| word.parse().ok());
    if frequency.is_none() {
        let detail = format!("frequency is one of {:?}.", Frequency::WORDS);
        faults.add(format!("{pointer}/frequency"), "unknown-frequency", detail);
    }
    frequency
}

fn read_day(
    frequency: Frequency,
    fields: &Map<String, Value>,
    pointer: &str,
    faults: &mut Faults,
) -> Option<Day> {
    let at = format!("{pointer}/day");
    let given = fields.get("day");
    let (most, accepted) = match frequency {
        Frequency::Hourly | Frequency::Daily => {
            if given.is_some() {
                let detail = format!("day belongs to WEEKLY and MONTHLY, not to {frequency}.");
                faults.add(at, "day-not-allowed", detail);
            }
            return None;
        }
        Frequency::Weekly => (7, "1 (Monday) to 7 (Sunday)"),
        Frequency::Monthly => (31, "1 to 31, or \"LAST\""),
    };
    let Some(given) = given else {
        faults.add(
            at,
            "day-required",
            format!("{frequency} needs a day: {accepted}."),
        );
        return None;
    };
    if frequency == Frequency::Monthly && given.as_str() == Some("LAST") {
        return Some(Day::Last);
    }
    match given.as_u64().and_then(|day| u8::try_from(day).ok()) {
        Some(day) if (1..=most).contains(&day) => Some(Day::Number(day)),
        _ => {
            faults.add(
                at,
                "day-out-of-range",
                format!("For {frequency}, day is {accepted}."),
            );
            None
        }
    }
}

fn read_time(fields: &Map<String, Value>, pointer: &str, faults: &mut Faults) -> Option<NaiveTime> {
    let time = match fields.get("time") {
        None => return Some(NaiveTime::MIN),
        Some(given) => given.as_str().and_then(wall_time),
    };
    if time.is_none() {
        faults.add(
            format!("{pointer}/time"),
            "bad-time",
            "time is HH:MM from 00:00 to 23:59.",
        );
    }
    time
}

fn wall_time(text: &str) -> Option<NaiveTime> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u32>().ok()).flatten()
    };
    NaiveTime::from_hms_opt(number(hour)?, number(minute)?, 0)
}

fn read_timezone(fields: &Map<String, Value>, pointer: &str, faults: &mut Faults) -> Option<Tz> {
    let timezone = match fields.get("timezone") {
        None => return Some(Tz::UTC),
        Some(given) => given.as_str().and_then(|name| name.parse().ok()),
    };
    if timezone.is_none() {
        faults.add(
            format!("{pointer}/timezone"),
            "unknown-timezone",
            "timezone is a name of the IANA database, for example Europe/Berlin.",
        );
    }
    timezone
}

fn read_missed_runs(
    fields: &Map<String, Value>,
    pointer: &str,
    faults: &mut Faults,
) -> Option<MissedRuns> {
    let rule = match fields.get("missedRuns") {
        None => return Some(MissedRuns::RunOnce),
        Some(given) => given.as_str().and_then(|word| word.parse().ok()),
    };
    if rule.is_none() {
        let detail = format!("missedRuns is one of {:?}.", MissedRuns::WORDS);
        faults.add(format!("{pointer}/missedRuns"), "unknown-rule", detail);
    }
    rule
}

fn months_from(start: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    std::iter::successors(start.with_day(1), |first| {
        first.checked_add_months(chrono::Months::new(1))
    })
}

/// The day in the month that begins with `first`; the month's last one when it is shorter.
fn in_month(first: NaiveDate, day: Day) -> Option<NaiveDate> {
    let last = first
        .checked_add_months(chrono::Months::new(1))?
        .pred_opt()?;
    match day {
        Day::Last => Some(last),
        Day::Number(day) => Some(first.with_day(u32::from(day)).unwrap_or(last)),
    }
}

/// The first instant at which the zone's clock shows `wall`, or has jumped over it.
fn first_instant_showing(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(due) | MappedLocalTime::Ambiguous(due, _) => {
            Some(due.with_timezone(&Utc))
        }
        MappedLocalTime::None => Some(end_of_gap(zone, wall)),
    }
}

/// The instant of the jump over `wall`: the clock shows less before it and more from it on, so halving finds it.
fn end_of_gap(zone: Tz, wall: NaiveDateTime) -> DateTime<Utc> {
    // No zone is further than this from UTC.
    const FURTHEST_OFFSET_S: i64 = 26 * 3_600;
    let shown = wall.and_utc().timestamp();
    let (mut before, mut after) = (shown - FURTHEST_OFFSET_S, shown + FURTHEST_OFFSET_S);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if zone
            .timestamp_opt(middle, 0)
            .single()
            .is_some_and(|at| at.naive_local() > wall)
        {
            after = middle;
        } else {
            before = middle;
        }
    }
    DateTime::from_timestamp(after, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests;
