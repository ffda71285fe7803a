//! From a query to what it means in an org.

use super::filter::{Condition, Key, condition, key};
use super::{Item, Query};
use crate::sandbox::kit::Record;
use crate::sandbox::salesforce::entity::Entity;
use crate::sandbox::salesforce::errors::SfError;
use crate::sandbox::salesforce::fields::Field;
use crate::sandbox::salesforce::org::{Org, in_bin, is_archived};

/// How many rows may be asked for with all fields, whatever they are.
const MOST_WITH_ALL_FIELDS: usize = 200;

/// Whether records count that were put away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox::salesforce) enum Bin {
    /// Neither deleted nor archived ones do.
    Left,
    /// Both do, deleted ones as long as they lie in the bin.
    Searched,
}

/// A query that can be carried out.
#[derive(Debug)]
pub(in crate::sandbox::salesforce) struct Plan {
    pub(in crate::sandbox::salesforce) entity: Entity,
    /// The fields selected, as the org writes them; none for `COUNT()`.
    pub(in crate::sandbox::salesforce) names: Option<Vec<String>>,
    /// Whether one of them is an object.
    pub(in crate::sandbox::salesforce) compound: bool,
    condition: Option<Condition>,
    order: Vec<(Field, bool, bool)>,
    limit: Option<usize>,
}

impl Plan {
    /// Reads a query and finds its objects and fields.
    pub(in crate::sandbox::salesforce) fn new(org: &Org, text: &str) -> Result<Self, SfError> {
        let query = Query::parse(text)?;
        let entity = org
            .object(&query.object)
            .ok_or_else(|| SfError::object(&query.object))?;
        let selected = selected(org, entity, &query)?;
        let filter = query.filter.as_ref();
        let mut order = Vec::new();
        for by in &query.order {
            let field = named(org, entity, &by.field)?;
            if !field.is_sortable() {
                let message = format!("field '{}' can not be sorted in a query call", field.name());
                return Err(SfError::field(message));
            }
            order.push((field.clone(), by.downwards, by.nulls_last));
        }
        Ok(Self {
            entity,
            compound: selected.iter().flatten().any(|field| field.is_compound()),
            names: selected
                .map(|fields| fields.iter().map(|field| field.name().to_owned()).collect()),
            condition: filter
                .map(|filter| condition(filter, &|name| named(org, entity, name)))
                .transpose()?,
            order,
            limit: query.limit,
        })
    }

    /// The records it finds, in its order; in that of their ids where none is asked for.
    pub(in crate::sandbox::salesforce) fn find<'o>(
        &self,
        org: &'o Org,
        bin: Bin,
        now_s: i64,
    ) -> Vec<&'o Record> {
        let there = |record: &&Record| match bin {
            Bin::Left => record.is_live() && !is_archived(record),
            Bin::Searched => record.is_live() || in_bin(record, now_s),
        };
        let mut found: Vec<(Vec<Option<Key>>, &Record)> = org
            .shelf(self.entity)
            .all()
            .filter(there)
            .filter(|record| self.condition.as_ref().is_none_or(|it| it.holds(record)))
            .map(|record| {
                (
                    self.order
                        .iter()
                        .map(|(field, ..)| key(record, field))
                        .collect(),
                    record,
                )
            })
            .collect();
        found.sort_by(|(one, _), (other, _)| {
            let mut order = std::cmp::Ordering::Equal;
            for (place, (_, downwards, nulls_last)) in self.order.iter().enumerate() {
                order = order.then_with(|| match (&one[place], &other[place]) {
                    (Some(one), Some(other)) if *downwards => other.compare(one),
                    (Some(one), Some(other)) => one.compare(other),
                    (one, other) if *nulls_last => one.is_none().cmp(&other.is_none()),
                    (one, other) => one.is_some().cmp(&other.is_some()),
                });
            }
            order
        });
        found.truncate(self.limit.unwrap_or(usize::MAX));
        found.into_iter().map(|(_, record)| record).collect()
    }
}

/// The fields a query selects; none when it counts.
fn selected<'o>(
    org: &'o Org,
    entity: Entity,
    query: &Query,
) -> Result<Option<Vec<&'o Field>>, SfError> {
    let mut fields: Vec<&Field> = Vec::new();
    for item in &query.select {
        let more: Vec<&Field> = match item {
            Item::Count if query.select.len() == 1 => return Ok(None),
            Item::Count => return Err(SfError::token("COUNT")),
            Item::Field(name) if name.contains('.') => {
                return Err(SfError::not_in_the_sandbox(
                    "fields of other objects in queries",
                ));
            }
            Item::Field(name) => vec![named(org, entity, name)?],
            Item::Fields(group) => {
                let limited = query.limit.is_some_and(|rows| rows <= MOST_WITH_ALL_FIELDS);
                let all = org.fields(entity).iter();
                match group.as_str() {
                    "STANDARD" => all.filter(|field| !field.is_custom()).collect(),
                    "ALL" | "CUSTOM" if !limited => {
                        let message = format!(
                            "The SOQL FIELDS function must have a LIMIT of at most {MOST_WITH_ALL_FIELDS}"
                        );
                        return Err(SfError::malformed(message));
                    }
                    "ALL" => all.collect(),
                    "CUSTOM" => all.filter(|field| field.is_custom()).collect(),
                    other => return Err(SfError::token(other)),
                }
            }
        };
        for field in more {
            if fields.iter().any(|known| known.name() == field.name()) {
                let message = format!("duplicate field selected: {}", field.name());
                return Err(SfError::field(message));
            }
            fields.push(field);
        }
    }
    Ok(Some(fields))
}

/// A field by its name, which ignores case.
fn named<'o>(org: &'o Org, entity: Entity, name: &str) -> Result<&'o Field, SfError> {
    let found = org.fields(entity).iter();
    let mut found = found.filter(|field| field.name().eq_ignore_ascii_case(name));
    found.next().ok_or_else(|| {
        SfError::field(format!(
            "No such column '{name}' on entity '{}'.",
            entity.object()
        ))
    })
}
