//! Which records a query finds, and in which order.

use std::cmp::Ordering;

use super::company::Company;
use super::entity::Entity;
use super::errors::QboFault;
use super::query::{Condition, Query, Test};
use super::times::date_start_s;
use crate::sandbox::kit::{Record, cents, times};

/// A value that can be compared with its kind.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Truth(bool),
    Number(i128),
    Text(String),
}

/// The live records that a query finds, in its order.
pub(super) fn select<'c>(
    company: &'c Company,
    entity: Entity,
    query: &Query,
) -> Result<Vec<&'c Record>, QboFault> {
    let mut tests = Vec::new();
    for condition in &query.conditions {
        tests.push((condition, wanted(entity, condition)?));
    }
    // A name list shows its inactive records only to those who ask about them.
    let active_only =
        entity.is_name_list() && !query.conditions.iter().any(|it| is(&it.field, "Active"));
    let mut found: Vec<&Record> = company
        .shelf(entity)
        .live()
        .filter(|record| !active_only || record.body["Active"] == true)
        .filter(|record| {
            tests.iter().all(|(condition, wanted)| {
                key(record, &condition.field)
                    .is_some_and(|key| passes(&key, condition.test, wanted))
            })
        })
        .collect();
    sort(&mut found, entity, query)?;
    Ok(found)
}

/// QuickBooks promises no order unless one is asked for. Here names come by name, and transactions newest first.
fn sort(found: &mut [&Record], entity: Entity, query: &Query) -> Result<(), QboFault> {
    let default = match entity.is_name_list() {
        true => (entity.name_field().to_owned(), false),
        false => ("Id".to_owned(), true),
    };
    let (field, downwards) = query.order.as_ref().unwrap_or(&default);
    known(entity, field)?;
    let by_id = |record: &Record| record.id.parse::<u64>().unwrap_or_default();
    found.sort_by(|one, other| {
        let order: Ordering = key(one, field).cmp(&key(other, field));
        let order = if *downwards { order.reverse() } else { order };
        order.then(by_id(one).cmp(&by_id(other)))
    });
    Ok(())
}

fn passes(key: &Key, test: Test, wanted: &[Key]) -> bool {
    match test {
        Test::In => wanted.contains(key),
        Test::Less => wanted.iter().all(|wanted| key < wanted),
        Test::Greater => wanted.iter().all(|wanted| key > wanted),
        Test::AtMost => wanted.iter().all(|wanted| key <= wanted),
        Test::AtLeast => wanted.iter().all(|wanted| key >= wanted),
    }
}

fn is(field: &str, name: &str) -> bool {
    field.eq_ignore_ascii_case(name)
}

/// Refuses a field that cannot be asked for.
fn known(entity: Entity, field: &str) -> Result<(), QboFault> {
    let for_all = ["Id", "MetaData.LastUpdatedTime", "MetaData.CreateTime"];
    let names: &[&str] = match entity {
        Entity::Customer | Entity::Vendor => &["DisplayName", "CompanyName", "Active", "Balance"],
        Entity::Account | Entity::Item => &["Name", "Active"],
        _ => &["TxnDate", "DueDate", "DocNumber", "TotalAmt", "Balance"],
    };
    if for_all.iter().chain(names).any(|name| is(field, name)) {
        return Ok(());
    }
    let object = entity.object();
    Err(QboFault::query(format!(
        "property '{field}' not found for entity {object}"
    )))
}

/// A record's value of a field.
fn key(record: &Record, field: &str) -> Option<Key> {
    let number = |number: i64| Some(Key::Number(number.into()));
    if is(field, "MetaData.LastUpdatedTime") {
        return number(record.updated_s);
    }
    if is(field, "MetaData.CreateTime") {
        return number(record.created_s);
    }
    if is(field, "Id") {
        return number(record.id.parse().ok()?);
    }
    let fields = record.body.as_object()?;
    let (_, value) = fields.iter().find(|(name, _)| is(name, field))?;
    match (value.as_bool(), cents(value), value.as_str()) {
        (Some(truth), _, _) => Some(Key::Truth(truth)),
        (_, Some(cents), _) => number(cents),
        (_, _, Some(text)) => Some(Key::Text(text.to_owned())),
        _ => None,
    }
}

/// The values of a condition, as keys of the field's kind.
fn wanted(entity: Entity, condition: &Condition) -> Result<Vec<Key>, QboFault> {
    known(entity, &condition.field)?;
    let field = condition.field.as_str();
    let one = |text: &String| -> Result<Key, QboFault> {
        let bad = || QboFault::query(format!("'{text}' is no value of property '{field}'"));
        if field.to_ascii_lowercase().starts_with("metadata.") {
            let moment = times::parse(text).or_else(|| date_start_s(text));
            return match moment {
                Some(moment) => Ok(Key::Number(moment.into())),
                None if text.len() == 19 => {
                    Err(QboFault::not_in_the_sandbox("times without a zone"))
                }
                None => Err(bad()),
            };
        }
        if is(field, "Id") {
            return text.parse().map(Key::Number).map_err(|_| bad());
        }
        if is(field, "Active") {
            return text
                .to_lowercase()
                .parse()
                .map(Key::Truth)
                .map_err(|_| bad());
        }
        if is(field, "Balance") || is(field, "TotalAmt") {
            let number = serde_json::from_str(text).map_err(|_| bad())?;
            return cents(&number)
                .map(|it| Key::Number(it.into()))
                .ok_or_else(bad);
        }
        Ok(Key::Text(text.clone()))
    };
    condition.values.iter().map(one).collect()
}
