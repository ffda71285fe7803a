//! Search: filters in groups, of which one must hold, over an index that is a little behind.

use std::cmp::Ordering;

use hyper::StatusCode;
use serde::Deserialize;

use super::HubSpot;
use super::entity::Entity;
use super::errors::HubError;
use super::portal::Portal;
use super::properties::Property;
use super::times;
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::faults::Fault;
use crate::sandbox::kit::Record;
use crate::sandbox::kit::changes::carry_out;
use crate::sandbox::kit::pages::{Cut, cut};

/// No search leads further than this, however many it finds.
const DEEPEST: usize = 10_000;

/// What is asked for; HubSpot wants none of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Search {
    /// Words to look for in the usual properties.
    query: Option<String>,
    filter_groups: Vec<Group>,
    sorts: Vec<Sort>,
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    filters: Vec<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    property_name: String,
    operator: Operator,
    value: Option<String>,
    high_value: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    HasProperty,
    NotHasProperty,
    ContainsToken,
    NotContainsToken,
}

/// A property with a direction, or a name alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Sort {
    Name(String),
    #[serde(rename_all = "camelCase")]
    By {
        property_name: String,
        #[serde(default)]
        direction: Direction,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Direction {
    #[default]
    Ascending,
    Descending,
}

/// A value that can be compared with its kind.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Key {
    Number(f64),
    Moment(i64),
    Text(String),
}

impl HubSpot {
    /// One page of a search.
    pub(super) fn search(
        &self,
        request: &Request,
        entity: Entity,
        fault: Option<&Fault>,
    ) -> Result<Answer, HubError> {
        let search: Search = serde_json::from_slice(&request.body)
            .map_err(|error| HubError::invalid(format!("Invalid input JSON: {error}")))?;
        if search.query.is_some() {
            return Err(HubError::not_in_the_sandbox("searches for words"));
        }
        let limit = search.limit.unwrap_or(10);
        if !(1..=200).contains(&limit) {
            return Err(HubError::invalid(format!(
                "limit {limit} is not between 1 and 200"
            )));
        }
        let start = match &search.after {
            None | Some(serde_json::Value::Null) => 0,
            Some(after) => {
                let text = after
                    .as_str()
                    .map_or_else(|| after.to_string(), str::to_owned);
                let bad = |_| HubError::invalid(format!("after '{text}' is no number"));
                if text.is_empty() {
                    0
                } else {
                    text.parse().map_err(bad)?
                }
            }
        };
        if start + limit > DEEPEST {
            return Err(HubError::invalid(format!(
                "Paging past {DEEPEST} results is not possible"
            )));
        }
        let indexed_s = self.clock().now() - self.search_lag_s();
        let portal = self.lock();
        let found = search.find(&portal, entity, indexed_s)?;
        let page = cut(
            &found,
            &Cut {
                start,
                limit,
                fault,
                id_pointer: "/id",
                render: |record: &Record| portal.rendered(entity, record, Some(&search.properties)),
            },
        );
        let mut text = format!(
            r#"{{"total":{},"results":[{}]"#,
            found.len(),
            page.records.join(",")
        );
        if page.more {
            text += &format!(r#","paging":{{"next":{{"after":"{}"}}}}"#, start + limit);
        }
        text.push('}');
        drop(portal);
        carry_out(self, entity, &page.aftermath);
        Ok(Answer::typed(
            StatusCode::OK,
            "application/json;charset=utf-8",
            text,
        ))
    }
}

impl Search {
    /// The records it finds, in its order; the oldest first where none is asked for.
    fn find<'p>(
        &self,
        portal: &'p Portal,
        entity: Entity,
        indexed_s: i64,
    ) -> Result<Vec<&'p Record>, HubError> {
        let filters: usize = self
            .filter_groups
            .iter()
            .map(|group| group.filters.len())
            .sum();
        if self.filter_groups.len() > 6 || filters > 18 {
            return Err(HubError::invalid("there are too many filters"));
        }
        let mut groups = Vec::new();
        for group in &self.filter_groups {
            let tests: Result<Vec<_>, _> = group
                .filters
                .iter()
                .map(|it| Check::new(portal, entity, it))
                .collect();
            groups.push(tests?);
        }
        let holds = |record: &&Record| {
            let all = |group: &Vec<Check<'_>>| group.iter().all(|test| test.holds(record));
            groups.is_empty() || groups.iter().any(all)
        };
        let mut found: Vec<&Record> = portal.indexed(entity, indexed_s);
        found.retain(holds);
        let (name, direction) = match self.sorts.as_slice() {
            [] => ("createdate", Direction::Ascending),
            [Sort::Name(name)] => (name.as_str(), Direction::Ascending),
            [
                Sort::By {
                    property_name,
                    direction,
                },
            ] => (property_name.as_str(), *direction),
            _ => return Err(HubError::invalid("there can be one sort only")),
        };
        let property = named(portal, entity, name)?;
        found.sort_by(|one, other| {
            let order = key_of(one, property).partial_cmp(&key_of(other, property));
            let order = order.unwrap_or(Ordering::Equal);
            if direction == Direction::Descending {
                order.reverse()
            } else {
                order
            }
        });
        Ok(found)
    }
}

/// A filter whose property exists, with values of that property's kind.
struct Check<'p> {
    property: &'p Property,
    operator: Operator,
    value: Option<Key>,
    high: Option<Key>,
    values: Vec<Key>,
}

impl<'p> Check<'p> {
    fn new(portal: &'p Portal, entity: Entity, filter: &Filter) -> Result<Self, HubError> {
        let property = named(portal, entity, &filter.property_name)?;
        let typed = |text: &String| {
            key(property, text).ok_or_else(|| {
                HubError::invalid(format!(
                    "'{text}' is no value of the property '{}'",
                    property.name()
                ))
            })
        };
        let test = Self {
            property,
            operator: filter.operator,
            value: filter.value.as_ref().map(typed).transpose()?,
            high: filter.high_value.as_ref().map(typed).transpose()?,
            values: filter.values.iter().map(typed).collect::<Result<_, _>>()?,
        };
        let complete = match test.operator {
            Operator::HasProperty | Operator::NotHasProperty => true,
            Operator::In | Operator::NotIn => !test.values.is_empty(),
            Operator::Between => test.value.is_some() && test.high.is_some(),
            Operator::ContainsToken | Operator::NotContainsToken => {
                return Err(HubError::not_in_the_sandbox("filters by words"));
            }
            _ => test.value.is_some(),
        };
        if complete {
            return Ok(test);
        }
        Err(HubError::invalid(format!(
            "the filter of '{}' lacks a value",
            property.name()
        )))
    }

    fn holds(&self, record: &Record) -> bool {
        let key = key_of(record, self.property);
        let Some(key) = key else {
            return matches!(
                self.operator,
                Operator::NotHasProperty | Operator::NotIn | Operator::Neq
            );
        };
        let order = self.value.as_ref().and_then(|value| key.partial_cmp(value));
        let below_high = self.high.as_ref().is_some_and(|high| key <= *high);
        match self.operator {
            Operator::Eq => order == Some(Ordering::Equal),
            Operator::Neq => order != Some(Ordering::Equal),
            Operator::Lt => order == Some(Ordering::Less),
            Operator::Lte => order.is_some_and(Ordering::is_le),
            Operator::Gt => order == Some(Ordering::Greater),
            Operator::Gte => order.is_some_and(Ordering::is_ge),
            Operator::Between => order.is_some_and(Ordering::is_ge) && below_high,
            Operator::In => self.values.contains(&key),
            Operator::NotIn => !self.values.contains(&key),
            Operator::HasProperty => true,
            Operator::NotHasProperty | Operator::ContainsToken | Operator::NotContainsToken => {
                false
            }
        }
    }
}

fn named<'p>(portal: &'p Portal, entity: Entity, name: &str) -> Result<&'p Property, HubError> {
    let mut all = portal.properties(entity).iter();
    all.find(|property| property.name() == name)
        .ok_or_else(|| HubError::invalid(format!("There was a problem with the property '{name}'")))
}

fn key_of(record: &Record, property: &Property) -> Option<Key> {
    let value = record.body["properties"][property.name()].as_str()?;
    key(property, value).filter(|_| !value.is_empty())
}

/// A text as the property's kind has it; texts ignore case.
fn key(property: &Property, text: &str) -> Option<Key> {
    match property.kind.as_str() {
        "number" => Some(Key::Number(text.parse().ok()?)),
        "datetime" | "date" => Some(Key::Moment(times::parse(text)?)),
        _ => Some(Key::Text(text.to_lowercase())),
    }
}
