//! Making exports and changing them.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rail_shared::domain::{Faults, SnapshotId};
use rail_shared::store::audit;
use rail_shared::store::exports::{self, ExportRow, NewExport};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::etag;
use crate::http::answer::Created;
use crate::http::auth::Caller;
use crate::http::body::Json;
use crate::http::idempotency::{Entry, Once, Stop};
use crate::http::problem::Problem;
use crate::routes::BASE;
use crate::schemas::export::Export;
use crate::schemas::export_asked::ExportMeant;
use crate::state::Api;

/// Makes an export.
///
/// # Errors
/// When the database refuses.
pub async fn create(
    api: &Api,
    caller: &Caller,
    meant: &ExportMeant,
    entry: &Entry<'_>,
) -> Result<Once<Created<Export>>, Stop> {
    let now = api.clock.now();
    let next_run_at = meant
        .schedule
        .as_ref()
        .map(|(schedule, _)| schedule.next_after(now));
    let new = row_of(caller, meant, next_run_at, now);
    let mut transaction = entry.begin().await?;
    let row = exports::create(&mut transaction, &new).await?;
    audit::write(
        &mut transaction,
        caller.actor(),
        "export.create",
        &row.id.to_string(),
    )
    .await?;
    let location = format!("{BASE}/exports/{}", row.id);
    let etag = etag(&row);
    entry
        .commit(transaction, Created::new(row).at(location).tagged(etag))
        .await
}

/// An export as it could be asked for, with a change made: what the change gives stands in place of what was there, as it
/// was written; null removes.
///
/// # Errors
/// When the change is no object.
pub fn changed(row: &ExportRow, change: &Json) -> Result<Json, Problem> {
    let mut whole: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
    let mut put = |name: &str, value: &Value| -> Result<(), serde_json::Error> {
        whole.insert(name.to_owned(), serde_json::value::to_raw_value(value)?);
        Ok(())
    };
    let mut write = || {
        put("name", &json!(row.name))?;
        put("format", &json!(row.format))?;
        put("entities", &json!(row.entities))?;
        put("destination", &row.destination)?;
        put("options", &row.options)?;
        put("incremental", &json!(row.incremental))?;
        if let Some(schedule) = &row.schedule {
            put("schedule", schedule)?;
        }
        if let Some(id) = row.snapshot_id {
            put("snapshotId", &json!(SnapshotId::from(id)))?;
        }
        Ok::<_, serde_json::Error>(())
    };
    write().map_err(|_| Problem::internal())?;
    if let Some(filter) = &row.filter {
        let filter = RawValue::from_string(filter.to_string());
        whole.insert(
            "filter".to_owned(),
            filter.map_err(|_| Problem::internal())?,
        );
    }
    let Some(members) = change.members() else {
        let mut faults = Faults::default();
        faults.add("", "wrong-type", "A change is an object.");
        return Err(Problem::invalid(faults));
    };
    for (name, value) in members {
        match value.get() {
            "null" => whole.remove(&name),
            _ => whole.insert(name, value),
        };
    }
    let text = serde_json::to_vec(&whole).map_err(|_| Problem::internal())?;
    Json::parse(Bytes::from(text))
}

/// Changes an export that is still as `row` says; what waits for its due time is due by the new schedule.
///
/// # Errors
/// 404; 409 `changed-meanwhile`.
pub async fn change(
    api: &Api,
    caller: &Caller,
    row: &ExportRow,
    meant: &ExportMeant,
) -> Result<ExportRow, Problem> {
    let now = api.clock.now();
    let mut transaction = api.store.begin().await?;
    // Held, so that its due time does not pass meanwhile and come again.
    let held = exports::hold(&mut transaction, caller.tenant(), row.id).await?;
    let held = held.ok_or_else(|| Problem::not_found("export"))?;
    let schedule = meant.schedule.as_ref();
    let is_as_before = schedule.map(|(_, given)| given) == held.schedule.as_ref();
    let next_run_at = match (held.paused_at, schedule) {
        (None, Some(_)) if is_as_before => held.next_run_at,
        (None, Some((schedule, _))) => Some(schedule.next_after(now)),
        (Some(_), _) | (None, None) => None,
    };
    let new = row_of(caller, meant, next_run_at, now);
    let changed = exports::change(&mut transaction, row.id, row.version, &new).await?;
    audit::write(
        &mut transaction,
        caller.actor(),
        "export.update",
        &row.id.to_string(),
    )
    .await?;
    transaction.commit().await?;
    Ok(changed)
}

/// What is written of an export.
fn row_of<'a>(
    caller: &Caller,
    meant: &'a ExportMeant,
    next_run_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> NewExport<'a> {
    NewExport {
        tenant_id: caller.tenant(),
        name: &meant.name,
        format: meant.format,
        entities: &meant.entities,
        filter: meant.filter.as_ref(),
        options: &meant.options,
        schedule: meant.schedule.as_ref().map(|(_, given)| given),
        destination: &meant.destination,
        snapshot_id: meant.snapshot_id,
        incremental: meant.incremental,
        next_run_at,
        created_at: now,
    }
}
