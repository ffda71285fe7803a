//! Syncs on the wire, as callers ask for them.

use chrono::NaiveDate;
use poem_openapi::{Enum, Object};
use rail_shared::connectors::Connector;
use rail_shared::domain::{DateRange, Faults, SyncMode, Targets, Tolerance};
use serde_json::Value;

use super::wire::Word;
use crate::http::body::{Asked, Json, Need};
use crate::http::shapes::AT_MOST;

/// A sync to be run. An empty body asks for all entities, INCREMENTAL.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct NewSync {
    /// What to read: of the connector's `entities`, which are all read when this is left out, or of its `otherEntities`.
    #[oai(validator(min_items = 1, max_items = 100, unique_items))]
    entities: Option<Vec<String>>,
    /// FULL reads every record; INCREMENTAL, the default, what changed since the last sync; SNAPSHOT makes an immutable copy of
    /// every record, set apart: the current records stay as they are.
    mode: Option<Word<SyncMode>>,
    /// Only records that were created in these days. INCREMENTAL reads of them what was not read before, FULL all of it
    /// again; neither changes where the next sync without a range goes on. Not with SNAPSHOT, which is whole.
    date_range: Option<DaysAsked>,
    /// The greatest part of an entity, from 0 to 1, that this sync may delete because the vendor's complete list does not
    /// hold it any more; the connection's `maxDeleteFraction` when left out.
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    max_delete_fraction: Option<f64>,
    /// The greatest part of an entity's records, from 0 to 1, that may be impossible to store; the connection's
    /// `maxErrorRate` when left out.
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    max_error_rate: Option<f64>,
}

/// Whole days, both included, in UTC.
#[derive(Debug, Object)]
#[allow(dead_code, reason = "gives the document its schema")]
struct DaysAsked {
    /// The first day.
    from: NaiveDate,
    /// The last day; not before the first.
    to: NaiveDate,
}

/// What to do when the connection has an active sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum IfRunning {
    /// Refuse with 409.
    Refuse,
    /// Answer with the active one.
    Attach,
}

/// What happens unless something else is asked for.
pub fn refuse() -> IfRunning {
    IfRunning::Refuse
}

/// A sync to be run, understood.
#[derive(Debug)]
pub struct SyncMeant {
    /// What to read, in order.
    pub entities: Vec<String>,
    /// How.
    pub mode: SyncMode,
    /// The days it is limited to.
    pub date_range: Option<DateRange>,
    /// What may go wrong, where it differs from what the connection says.
    pub tolerance: Tolerance,
    /// The single records it is limited to, by entity.
    pub targets: Option<Vec<Targets>>,
}

impl Asked for NewSync {
    type Meant = SyncMeant;
    type Rules<'a> = &'a Connector;
    const NEED: Need = Need::Optional;

    fn read(body: &Json, connector: &Connector, faults: &mut Faults) -> Option<SyncMeant> {
        let entities: Vec<String> = match body.texts_at("/entities") {
            Some(given) => {
                for (place, entity) in given.iter().enumerate().take(AT_MOST) {
                    if !connector.has_entity(entity) {
                        let detail = connector.lacks(entity);
                        faults.add(format!("/entities/{place}"), "unknown-entity", detail);
                    }
                }
                given.into_iter().map(str::to_owned).collect()
            }
            None => connector.entities().map(str::to_owned).collect(),
        };
        let mode = match body.text_at("/mode").map(str::parse) {
            Some(Ok(mode)) => mode,
            Some(Err(_)) | None => SyncMode::Incremental,
        };
        if mode == SyncMode::Snapshot && body.at("/dateRange").is_some_and(|range| !range.is_null())
        {
            let detail = "A snapshot holds every record; leave the range out.";
            faults.add("/dateRange", "snapshot-is-whole", detail);
        }
        let date_range = read_days(body, faults);
        if body.at("/dateRange").is_some() && !faults.touch("/dateRange") {
            check_lists_by_date(&entities, connector, faults);
        }
        Some(SyncMeant {
            entities,
            mode,
            tolerance: Tolerance {
                max_delete_fraction: body.at("/maxDeleteFraction").and_then(Value::as_f64),
                max_error_rate: body.at("/maxErrorRate").and_then(Value::as_f64),
            },
            date_range,
            targets: None,
        })
    }
}

/// A range of days is of use only where the vendor can list by date.
fn check_lists_by_date(entities: &[String], connector: &Connector, faults: &mut Faults) {
    let unable: Vec<&str> = entities
        .iter()
        .map(String::as_str)
        .take(AT_MOST)
        .filter(|entity| connector.has_entity(entity) && !connector.lists_by_date(entity))
        .collect();
    if !unable.is_empty() {
        let detail = format!(
            "{} cannot list {} by date; leave out dateRange, or these.",
            connector.name(),
            unable.join(", ")
        );
        faults.add("/dateRange", "range-unsupported", detail);
    }
}

fn read_days(body: &Json, faults: &mut Faults) -> Option<DateRange> {
    let mut day = |pointer| match body.text_at(pointer).map(read_day) {
        Some(None) => {
            faults.add(
                pointer,
                "bad-date",
                "This is a day of the calendar such as 2025-01-31.",
            );
            None
        }
        read => read.flatten(),
    };
    let (from, to) = (day("/dateRange/from")?, day("/dateRange/to")?);
    if from > to {
        faults.add(
            "/dateRange/to",
            "range-reversed",
            "The last day is not before the first.",
        );
    }
    Some(DateRange { from, to })
}

/// `YYYY-MM-DD` and nothing looser.
fn read_day(text: &str) -> Option<NaiveDate> {
    let shaped = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    let strict = text.len() == 10 && text.bytes().enumerate().all(shaped);
    strict.then(|| text.parse().ok()).flatten()
}
