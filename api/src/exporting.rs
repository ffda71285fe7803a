//! Making exports and changing them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use poem::http::StatusCode;
use rail_shared::domain::{ExportId, Faults, SnapshotId};
use rail_shared::store::exports::{self, ExportRow, NewExport};
use rail_shared::store::snapshots::{self, Snapshot};
use rail_shared::store::{audit, extract, own_records};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::answer::Found;
use crate::auth::Caller;
use crate::body::Json;
use crate::destinations::{self, Lent};
use crate::pausing::Wish;
use crate::problem::Problem;
use crate::routes::records::may_have;
use crate::schemas::export::{DryRun, DryRunFile, Export};
use crate::schemas::export_asked::ExportMeant;
use crate::state::Api;

/// What must be known of the tenant to judge a body.
pub struct Known {
    /// Those of its entities that the tenant has though no connector knows them.
    pub own_entities: Vec<String>,
    /// The snapshot that it names, where the tenant has it.
    pub snapshot: Option<Snapshot>,
    /// The connection that its destination names, where the tenant has it.
    pub lent: Option<Lent>,
}

/// Looks up what a body speaks of.
///
/// # Errors
/// When the database refuses.
pub async fn known(api: &Api, caller: &Caller, body: &Json) -> Result<Known, Problem> {
    let asked = body.texts_at("/entities").unwrap_or_default();
    let unknown: Vec<&str> = asked
        .into_iter()
        .filter(|entity| !api.catalogue.knows_entity(entity) && may_have(api, entity))
        .collect();
    let snapshot = body.text_at("/snapshotId");
    let snapshot = snapshot.and_then(|id| id.parse::<SnapshotId>().ok());
    let mut known = Known {
        own_entities: Vec::new(),
        snapshot: None,
        lent: destinations::lent(api, caller, body).await?,
    };
    if unknown.is_empty() && snapshot.is_none() {
        return Ok(known);
    }
    let mut conn = api.store.connect().await?;
    if !unknown.is_empty() {
        known.own_entities = own_records::known_among(&mut conn, caller.tenant(), &unknown).await?;
    }
    if let Some(id) = snapshot {
        known.snapshot = snapshots::find(&mut conn, caller.tenant(), None, id).await?;
    }
    Ok(known)
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

/// What is written of an export.
pub fn row_of<'a>(
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

/// Changes an export that is still as `row` says; what waits for its due time is due by the new schedule.
///
/// # Errors
/// 409 `changed-meanwhile`.
pub async fn change(
    api: &Api,
    caller: &Caller,
    row: &ExportRow,
    meant: &ExportMeant,
) -> Result<ExportRow, Problem> {
    let now = api.clock.now();
    let schedule = meant.schedule.as_ref();
    let is_as_before = schedule.map(|(_, given)| given) == row.schedule.as_ref();
    let next_run_at = match (row.paused_at, schedule) {
        (None, Some(_)) if is_as_before => row.next_run_at,
        (None, Some((schedule, _))) => Some(schedule.next_after(now)),
        (Some(_), _) | (None, None) => None,
    };
    let new = row_of(caller, meant, next_run_at, now);
    let mut transaction = api.store.begin().await?;
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

/// Holds an export back from running by itself, or lets it; one that is so already stays as it is.
///
/// # Errors
/// 404.
pub async fn wish(
    api: &Api,
    caller: &Caller,
    id: ExportId,
    wish: Wish,
) -> Result<ExportRow, Problem> {
    let now = api.clock.now();
    let mut transaction = api.store.begin().await?;
    let held = exports::hold(&mut transaction, caller.tenant(), id).await?;
    let row = held.ok_or_else(|| Problem::not_found("export"))?;
    let (paused_at, next_run_at, action) = match (wish, row.paused_at) {
        (Wish::Pause, Some(_)) | (Wish::Resume, None) => return Ok(row),
        (Wish::Pause, None) => (Some(now), None, "export.pause"),
        (Wish::Resume, Some(_)) => {
            let next = row.read_schedule().map(|schedule| schedule.next_after(now));
            (None, next, "export.resume")
        }
    };
    let row = exports::set_pause(&mut transaction, id, paused_at, next_run_at).await?;
    audit::write(&mut transaction, caller.actor(), action, &id.to_string()).await?;
    transaction.commit().await?;
    Ok(row)
}

/// How long a dry run counts.
const DRY_RUN_PATIENCE: Duration = Duration::from_secs(20);

/// Counts what a run would write now.
///
/// # Errors
/// 404; 409 `snapshot-gone`; 503 `takes-too-long`.
pub async fn dry_run(api: &Api, caller: &Caller, id: ExportId) -> Result<DryRun, Problem> {
    let mut view = api.store.view().await?;
    view.end_statements_after(DRY_RUN_PATIENCE).await?;
    let found = exports::find(&mut view, caller.tenant(), id).await?;
    let row = found.ok_or_else(|| Problem::not_found("export"))?;
    let filter = row.read_filter().map_err(|_| Problem::internal())?;
    let mut files = Vec::with_capacity(row.entities.len());
    for (entity, source) in extract::sources(&mut view, &row).await? {
        let Some(source) = source else {
            let detail = format!("The snapshot of this export holds no {entity}, or was deleted.");
            return Err(Problem::new(StatusCode::CONFLICT, "snapshot-gone", detail));
        };
        let rows = extract::count(&mut view, &source, filter.as_ref()).await?;
        files.push(DryRunFile { entity, rows });
    }
    Ok(DryRun {
        rows: files.iter().map(|file| file.rows).sum(),
        files,
    })
}

/// An export as it is answered.
pub fn tagged(row: ExportRow) -> Found<Export> {
    let etag = etag(&row);
    Found::new(row).tagged(etag)
}

/// What stands for a version of an export.
pub fn etag(row: &ExportRow) -> String {
    format!("\"v{}\"", row.version)
}
