//! Reads the language, and keeps a list of what is wrong.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Condition, FieldPath, Filter, Operand, Operator, child_pointer};
use crate::domain::Faults;

/// Filters may stand this deep inside each other, the outermost counted.
const MAX_DEPTH: usize = 5;
/// One filter asks at most this many questions.
const MAX_CONDITIONS: usize = 50;
/// One list holds at most this many values.
const MAX_LIST: usize = 500;
/// One text, in characters.
const MAX_TEXT: usize = 1_000;
/// One dotted path, in characters and in parts.
const MAX_PATH: usize = 200;
const MAX_PATH_PARTS: usize = 10;
/// A number's text, in characters, and its power of ten: what Postgres' `numeric` holds without effort.
const MAX_NUMBER: usize = 200;
const MAX_EXPONENT: u32 = 1_000;

pub(super) fn read(json: &str, pointer: &str) -> Result<Filter, Faults> {
    let mut reading = Reading::default();
    let filter = match serde_json::from_str::<&RawValue>(json) {
        Ok(raw) => reading.filter(raw, pointer, 1),
        Err(_) => {
            reading
                .faults
                .add(pointer, "wrong-type", "A filter is a JSON object.");
            None
        }
    };
    if reading.conditions > MAX_CONDITIONS {
        reading.faults.add(
            pointer,
            "filter-too-large",
            format!(
                "A filter has at most {MAX_CONDITIONS} conditions, this one has {}.",
                reading.conditions
            ),
        );
    }
    reading.faults.into_result()?;
    Ok(filter.unwrap_or(Filter::And(Vec::new())))
}

#[derive(Default)]
struct Reading {
    faults: Faults,
    conditions: usize,
}

impl Reading {
    fn filter(&mut self, raw: &RawValue, pointer: &str, depth: usize) -> Option<Filter> {
        if depth > MAX_DEPTH {
            let detail = format!("Filters stand at most {MAX_DEPTH} deep inside each other.");
            self.faults.add(pointer, "filter-too-deep", detail);
            return None;
        }
        let Some(members) = members(raw) else {
            self.faults.add(
                pointer,
                "wrong-type",
                "A filter is an object of fields, each named once, and what they must be.",
            );
            return None;
        };
        if members.is_empty() && depth > 1 {
            self.faults.add(
                pointer,
                "empty-filter",
                "This filter says nothing; leave it out.",
            );
        }
        let parts = members
            .into_iter()
            .filter_map(|(name, value)| {
                let at = child_pointer(pointer, &name);
                match name.as_str() {
                    "and" => self.filters(value, &at, depth).map(Filter::And),
                    "or" => self.filters(value, &at, depth).map(Filter::Or),
                    "not" => {
                        let inner = self.filter(value, &at, depth + 1)?;
                        Some(Filter::Not(Box::new(inner)))
                    }
                    _ => self.field(&name, value, &at),
                }
            })
            .collect();
        Some(all_of(parts))
    }

    fn filters(&mut self, raw: &RawValue, pointer: &str, depth: usize) -> Option<Vec<Filter>> {
        let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            self.faults
                .add(pointer, "wrong-type", "and, or take a list of filters.");
            return None;
        };
        if list.is_empty() {
            self.faults.add(
                pointer,
                "empty-filter-list",
                "A list of filters holds at least one.",
            );
        }
        let filters = list
            .into_iter()
            .enumerate()
            .filter_map(|(index, raw)| self.filter(raw, &format!("{pointer}/{index}"), depth + 1))
            .collect();
        Some(filters)
    }

    fn field(&mut self, name: &str, raw: &RawValue, pointer: &str) -> Option<Filter> {
        let path = self.path(name, pointer);
        let Some(questions) = members(raw) else {
            self.conditions += 1;
            let operand = self.operand(Operator::Eq, raw, pointer);
            let condition = Condition {
                field: path?,
                operator: Operator::Eq,
                operand: operand?,
            };
            return Some(Filter::Where(condition));
        };
        if questions.is_empty() {
            self.faults.add(
                pointer,
                "empty-filter",
                "This field is asked nothing; leave it out.",
            );
        }
        let conditions = questions
            .into_iter()
            .filter_map(|(word, raw)| {
                self.conditions += 1;
                let at = child_pointer(pointer, &word);
                let Some(operator) = Operator::from_word(&word) else {
                    let detail = format!("{word:?} is not one of {:?}.", Operator::WORDS);
                    self.faults.add(at, "unknown-operator", detail);
                    return None;
                };
                let operand = self.operand(operator, raw, &at)?;
                let (operator, operand) = whole_day(operator, operand, raw);
                let field = path.clone()?;
                Some(Filter::Where(Condition {
                    field,
                    operator,
                    operand,
                }))
            })
            .collect();
        Some(all_of(conditions))
    }

    fn path(&mut self, name: &str, pointer: &str) -> Option<FieldPath> {
        let parts: Vec<_> = name.split('.').map(str::to_owned).collect();
        let sound = parts.len() <= MAX_PATH_PARTS
            && name.chars().count() <= MAX_PATH
            && parts
                .iter()
                .all(|part| !part.is_empty() && !part.contains('\0'));
        if !sound {
            let detail = format!(
                "A field is named by a dotted path of at most {MAX_PATH_PARTS} parts and {MAX_PATH} characters."
            );
            self.faults.add(pointer, "bad-field-path", detail);
        }
        sound.then_some(FieldPath(parts))
    }

    fn operand(&mut self, operator: Operator, raw: &RawValue, pointer: &str) -> Option<Operand> {
        if matches!(operator, Operator::In | Operator::Nin) {
            return self.list(raw, pointer);
        }
        let wanted = match operator {
            Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => {
                "a number, a day (2025-01-31) or a time (2025-01-31T10:00:00Z)"
            }
            Operator::Exists => "true or false",
            Operator::Contains | Operator::StartsWith => "a text",
            _ => "a text, a number, true, false or null",
        };
        let operand = self.scalar(raw, pointer)?;
        let accepted = match (operator, operand) {
            (Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte, Operand::Text(text)) => {
                instant(&text).map(Operand::Time)
            }
            (
                Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte,
                number @ Operand::Number(_),
            )
            | (Operator::Exists, number @ Operand::Bool(_))
            | (Operator::Contains | Operator::StartsWith, number @ Operand::Text(_))
            | (Operator::Eq | Operator::Ne, number) => Some(number),
            _ => None,
        };
        if accepted.is_none() {
            self.not_comparable(pointer, wanted);
        }
        accepted
    }

    fn list(&mut self, raw: &RawValue, pointer: &str) -> Option<Operand> {
        let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            self.not_comparable(pointer, "a list of texts, numbers or truth values");
            return None;
        };
        if values.is_empty() {
            self.faults.add(
                pointer,
                "empty-filter-list",
                "A list of values holds at least one.",
            );
        }
        if values.len() > MAX_LIST {
            let detail = format!("A list holds at most {MAX_LIST} values.");
            self.faults.add(pointer, "filter-too-large", detail);
            return None;
        }
        let operands = values
            .into_iter()
            .enumerate()
            .filter_map(|(index, raw)| {
                let at = format!("{pointer}/{index}");
                let operand = self.scalar(raw, &at)?;
                if operand == Operand::Null {
                    self.not_comparable(
                        &at,
                        "a text, a number, true or false; ask for null with eq",
                    );
                }
                Some(operand)
            })
            .collect();
        Some(Operand::List(operands))
    }

    fn scalar(&mut self, raw: &RawValue, pointer: &str) -> Option<Operand> {
        let json = raw.get();
        match json.as_bytes().first()? {
            b'"' => self.text(json, pointer).map(Operand::Text),
            b't' => Some(Operand::Bool(true)),
            b'f' => Some(Operand::Bool(false)),
            b'n' => Some(Operand::Null),
            b'{' | b'[' => {
                self.not_comparable(pointer, "one value, not a list and not an object");
                None
            }
            _ if holds_in_numeric(json) => Some(Operand::Number(json.to_owned())),
            _ => {
                self.faults.add(
                    pointer,
                    "number-too-large",
                    "This number has too many digits.",
                );
                None
            }
        }
    }

    fn text(&mut self, json: &str, pointer: &str) -> Option<String> {
        let text = serde_json::from_str::<String>(json).ok();
        let text = text.filter(|text| !text.contains('\0'));
        let Some(text) = text else {
            self.not_comparable(pointer, "a text of whole Unicode characters without U+0000");
            return None;
        };
        if text.chars().count() > MAX_TEXT {
            let detail = format!("A text is at most {MAX_TEXT} characters long.");
            self.faults.add(pointer, "filter-too-large", detail);
            return None;
        }
        Some(text)
    }

    fn not_comparable(&mut self, pointer: &str, wanted: &str) {
        self.faults.add(
            pointer,
            "not-comparable",
            format!("Compare this with {wanted}."),
        );
    }
}

fn all_of(mut filters: Vec<Filter>) -> Filter {
    if filters.len() == 1 {
        filters.remove(0)
    } else {
        Filter::And(filters)
    }
}

/// A full date or an RFC 3339 text.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let day = full_date(text).map(|day| day.and_time(NaiveTime::MIN).and_utc());
    day.or_else(|| {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| time.to_utc())
    })
}

fn full_date(text: &str) -> Option<NaiveDate> {
    // The parser alone would also take 2025-1-1 and years of five digits.
    (text.len() == 10)
        .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .flatten()
}

/// "Up to and with that day" is "before the next", and "after that day" is "from the next on".
fn whole_day(operator: Operator, operand: Operand, raw: &RawValue) -> (Operator, Operand) {
    let is_day =
        || serde_json::from_str::<&str>(raw.get()).is_ok_and(|text| full_date(text).is_some());
    match (operator, operand) {
        (Operator::Lte | Operator::Gt, Operand::Time(day)) if is_day() => {
            let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
            let shifted = if operator == Operator::Lte {
                Operator::Lt
            } else {
                Operator::Gte
            };
            (shifted, Operand::Time(next))
        }
        as_given => as_given,
    }
}

fn holds_in_numeric(json: &str) -> bool {
    let exponent = json.split(['e', 'E']).nth(1).unwrap_or("0");
    let power = exponent.trim_start_matches(['+', '-']).parse::<u32>();
    json.len() <= MAX_NUMBER && power.is_ok_and(|power| power <= MAX_EXPONENT)
}

/// The members of a JSON object in their order; `None` when it is no object, or names a member twice.
fn members(raw: &RawValue) -> Option<Vec<(String, &RawValue)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry::<String, &RawValue>()? {
                // Stored as jsonb, only the last of them would be left.
                if members.iter().any(|(name, _)| *name == member.0) {
                    return Err(serde::de::Error::custom("a name twice"));
                }
                members.push(member);
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(raw.get())
        .deserialize_map(Members)
        .ok()
}
