//! `/sobjects`: what there is, single records, what was deleted or changed in a span of time.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::entity::Entity;
use super::errors::SfError;
use super::org::{BIN_S, Org, in_bin, rendered};
use super::{describe, ids, times};
use crate::sandbox::exchange::{Answer, Request};
use crate::sandbox::kit::{Record, write};

/// How far back changes can be asked for.
const REPLICATION_S: i64 = 30 * 86_400;

/// Answers what the steps after `/sobjects` lead to.
pub(super) fn answer(
    org: &Org,
    request: &Request,
    version: &str,
    steps: &[&str],
    now_s: i64,
) -> Result<Answer, SfError> {
    let found = match steps {
        [] => {
            let seen = Entity::ALL.into_iter();
            let seen = seen.filter(|entity| org.object(entity.object()).is_some());
            let objects: Value = seen.map(|it| describe::summary(it, version)).collect();
            json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects })
        }
        [name, rest @ ..] => {
            let entity = org.object(name).ok_or_else(SfError::not_found)?;
            match rest {
                [] => {
                    json!({ "objectDescribe": describe::summary(entity, version), "recentItems": [] })
                }
                ["describe"] => describe::object(entity, org.fields(entity), version),
                ["deleted"] => deleted(org, entity, span(request, now_s)?, now_s),
                ["updated"] => updated(org, entity, span(request, now_s)?),
                [id] => single(org, request, version, entity, id)?,
                _ => return Err(SfError::not_in_the_sandbox(steps.join("/"))),
            }
        }
    };
    Ok(Answer::typed(
        StatusCode::OK,
        "application/json;charset=UTF-8",
        write(&found),
    ))
}

/// One record with all its fields, or with those that were asked for.
fn single(
    org: &Org,
    request: &Request,
    version: &str,
    entity: Entity,
    id: &str,
) -> Result<Value, SfError> {
    let names = match request.query.as_slice() {
        [] => org
            .fields(entity)
            .iter()
            .map(|field| field.name().to_owned())
            .collect(),
        [(parameter, list)] if parameter == "fields" => named(org, entity, list)?,
        [(other, _), ..] => {
            return Err(SfError::not_in_the_sandbox(format!(
                "the parameter '{other}'"
            )));
        }
    };
    let record = org.shelf(entity).find(&ids::lengthened(id));
    let record = record.ok_or_else(SfError::not_found)?;
    if !record.is_live() {
        return Err(SfError::deleted());
    }
    Ok(rendered(record, entity.object(), version, &names))
}

fn named(org: &Org, entity: Entity, list: &str) -> Result<Vec<String>, SfError> {
    let find = |name: &str| {
        let mut fields = org.fields(entity).iter();
        let field = fields.find(|field| field.name().eq_ignore_ascii_case(name.trim()));
        field.map(|field| field.name().to_owned()).ok_or_else(|| {
            SfError::field(format!(
                "No such column '{name}' on sobject of type {}",
                entity.object()
            ))
        })
    };
    list.split(',').map(find).collect()
}

/// The span of time a request is about.
fn span(request: &Request, now_s: i64) -> Result<(i64, i64), SfError> {
    let bound = |name: &str| {
        let text = request.parameter(name);
        let text = text.ok_or_else(|| {
            SfError::new(
                400,
                "MISSING_ARGUMENT",
                format!("The {name} parameter is required"),
            )
        })?;
        times::parse(text).ok_or_else(|| SfError::malformed(format!("{name} is no valid dateTime")))
    };
    let (start, end) = (bound("start")?, bound("end")?);
    let refused = |why: &str| Err(SfError::new(400, "INVALID_REPLICATION_DATE", why));
    if end <= start {
        return refused("startDate must be before endDate");
    }
    if start < now_s - REPLICATION_S {
        return refused("startDate cannot be more than 30 days ago");
    }
    Ok((start, end))
}

/// The ids and times of what was deleted, as long as it lies in the bin.
fn deleted(org: &Org, entity: Entity, (start, end): (i64, i64), now_s: i64) -> Value {
    let deletions = org
        .shelf(entity)
        .all()
        .filter(|record| in_bin(record, now_s));
    let gone = deletions.filter_map(|record| Some((record, record.gone_s?)));
    let inside = gone.filter(|(_, gone_s)| (start..end).contains(gone_s));
    json!({
        "deletedRecords": inside
            .map(|(record, gone_s)| json!({ "deletedDate": times::stamp(gone_s), "id": record.id }))
            .collect::<Value>(),
        "earliestDateAvailable": times::stamp(now_s - BIN_S),
        "latestDateCovered": times::stamp(end.min(now_s)),
    })
}

fn updated(org: &Org, entity: Entity, (start, end): (i64, i64)) -> Value {
    let inside = |record: &&Record| (start..end).contains(&record.updated_s);
    let ids = org.shelf(entity).live().filter(inside);
    json!({
        "ids": ids.map(|record| record.id.as_str()).collect::<Value>(),
        "latestDateCovered": times::stamp(end),
    })
}
