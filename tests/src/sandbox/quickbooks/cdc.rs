//! Change data capture: everything that changed since a moment of the last thirty days, deletions included.

use serde_json::{Value, json};

use super::company::{Company, tombstone};
use super::entity::Entity;
use super::errors::QboFault;
use super::times::{date_start_s, pacific};
use crate::sandbox::exchange::Request;
use crate::sandbox::kit::times;

/// How far back changes are told.
const KEPT_S: i64 = 30 * 86_400;

/// The most objects of one answer, all entities together. What exceeds it is left out, and nothing says so.
const MOST: usize = 1_000;

pub(super) fn answer(company: &Company, request: &Request, now_s: i64) -> Result<Value, QboFault> {
    let missing = |name: &str| QboFault::parameter(format!("'{name}' is missing"));
    let since = request
        .parameter("changedSince")
        .ok_or_else(|| missing("changedSince"))?;
    let since_s = times::parse(since)
        .or_else(|| date_start_s(since))
        .ok_or_else(|| QboFault::parameter(format!("changedSince '{since}' is no time")))?;
    if since_s < now_s - KEPT_S {
        return Err(QboFault::parameter("changedSince is more than 30 days ago"));
    }
    let names = request
        .parameter("entities")
        .ok_or_else(|| missing("entities"))?;
    let mut room = MOST;
    let mut answers = Vec::new();
    for name in names.split(',') {
        let entity = Entity::of_object(name.trim())
            .ok_or_else(|| QboFault::not_in_the_sandbox(&format!("changes of '{name}'")))?;
        let changed: Vec<Value> = company
            .shelf(entity)
            .all()
            .filter(|record| record.updated_s >= since_s)
            .take(room)
            .map(|record| match record.is_live() {
                true => record.body.clone(),
                false => tombstone(record),
            })
            .collect();
        room -= changed.len();
        answers.push(match changed.len() {
            0 => json!({}),
            rows => json!({
                entity.object(): changed, "startPosition": 1, "maxResults": rows, "totalCount": rows,
            }),
        });
    }
    Ok(json!({ "CDCResponse": [{ "QueryResponse": answers }], "time": pacific(now_s) }))
}
