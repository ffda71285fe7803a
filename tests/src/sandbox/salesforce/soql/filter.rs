//! Conditions, with values of the kind of their fields.

use std::cmp::Ordering;

use super::{Filter, Literal, Test};
use crate::sandbox::kit::{Record, exact_text};
use crate::sandbox::salesforce::errors::SfError;
use crate::sandbox::salesforce::fields::Field;
use crate::sandbox::salesforce::{ids, org, times};

/// A value that can be compared with its kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Truth(bool),
    Number(f64),
    Moment(i64),
    Text(String),
}

impl Key {
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Truth(one), Self::Truth(other)) => one.cmp(other),
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Moment(one), Self::Moment(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => Ordering::Equal,
        }
    }
}

/// A filter whose fields exist.
#[derive(Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Test {
        field: Field,
        test: Test,
        values: Vec<Option<Key>>,
    },
}

impl Condition {
    pub(super) fn holds(&self, record: &Record) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(record)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(record)),
            Self::Test {
                field,
                test,
                values,
            } => {
                let key = key(record, field);
                let is = |order: fn(Ordering) -> bool| {
                    let mut pairs = values
                        .iter()
                        .filter_map(|value| key.as_ref().zip(value.as_ref()));
                    pairs.any(|(key, value)| order(key.compare(value)))
                };
                match test {
                    Test::In => values.contains(&key),
                    Test::NotIn => !values.contains(&key),
                    Test::Less => is(Ordering::is_lt),
                    Test::Greater => is(Ordering::is_gt),
                    Test::AtMost => is(Ordering::is_le),
                    Test::AtLeast => is(Ordering::is_ge),
                }
            }
        }
    }
}

/// Gives a filter its fields and its values their kinds.
pub(super) fn condition<'o>(
    filter: &Filter,
    named: &dyn Fn(&str) -> Result<&'o Field, SfError>,
) -> Result<Condition, SfError> {
    let several = |parts: &[Filter]| -> Result<Vec<Condition>, SfError> {
        parts.iter().map(|part| condition(part, named)).collect()
    };
    Ok(match filter {
        Filter::All(parts) => Condition::All(several(parts)?),
        Filter::Any(parts) => Condition::Any(several(parts)?),
        Filter::Test {
            field,
            test,
            values,
        } => {
            let field = named(field)?;
            if field.is_compound() {
                return Err(SfError::not_in_the_sandbox("compound fields in conditions"));
            }
            if !field.is_filterable() {
                let message = format!(
                    "field '{}' can not be filtered in a query call",
                    field.name()
                );
                return Err(SfError::field(message));
            }
            Condition::Test {
                field: field.clone(),
                test: *test,
                values: values
                    .iter()
                    .map(|value| typed(field, value))
                    .collect::<Result<_, _>>()?,
            }
        }
    })
}

/// A value as the field's kind wants it.
fn typed(field: &Field, value: &Literal) -> Result<Option<Key>, SfError> {
    let kind = field.kind.as_str();
    let key = match value {
        Literal::Null => return Ok(None),
        Literal::Truth(truth) if kind == "boolean" => Key::Truth(*truth),
        Literal::Number(number) if kind == "int" || field.is_double() => Key::Number(*number),
        Literal::Moment(moment) if kind == "datetime" => Key::Moment(*moment),
        Literal::Date(date) if kind == "date" => Key::Text(date.clone()),
        Literal::Text(text) if field.is_id() && !ids::is_id(text) => {
            let message = format!("invalid ID field: {text}");
            return Err(SfError::new(400, "INVALID_QUERY_FILTER_OPERATOR", message));
        }
        Literal::Text(text) if field.is_id() => Key::Text(ids::lengthened(text)),
        Literal::Text(text) if field.is_text() => Key::Text(text.to_lowercase()),
        _ => {
            let wanted = if kind == "datetime" { "dateTime" } else { kind };
            let quotes = if field.is_text() || field.is_id() {
                "should"
            } else {
                "should not"
            };
            return Err(SfError::field(format!(
                "value of filter criterion for field '{}' must be of type {wanted} and {quotes} be enclosed in quotes",
                field.name(),
            )));
        }
    };
    Ok(Some(key))
}

/// A record's value of a field; texts ignore case, ids do not.
pub(super) fn key(record: &Record, field: &Field) -> Option<Key> {
    let value = org::value(record, field.name());
    if let Some(digits) = exact_text(&value) {
        return Some(Key::Number(digits.parse().ok()?));
    }
    match field.kind.as_str() {
        "boolean" => Some(Key::Truth(value.as_bool()?)),
        "datetime" => Some(Key::Moment(times::parse(value.as_str()?)?)),
        "int" => Some(Key::Number(value.as_f64()?)),
        // A change that a test made brings ordinary numbers.
        _ if field.is_double() => Some(Key::Number(value.as_f64()?)),
        "id" | "reference" | "date" => Some(Key::Text(value.as_str()?.to_owned())),
        _ => Some(Key::Text(value.as_str()?.to_lowercase())),
    }
}
