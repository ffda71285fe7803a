//! Exports on the wire, as callers ask for them.

use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use rail_shared::blobs::{DestinationSettings, LocalPlace, connector_for};
use rail_shared::domain::{
    ConnectionId, DestinationType, ExportFormat, Faults, Filter, Frequency, MissedRuns,
    PathTemplate, Schedule, SnapshotId,
};
use rail_shared::store::JsonText;
use rail_shared::store::snapshots::Snapshot;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::path::PathBuf;

use super::export_options::OptionsAsked;
use super::wire::{AnyObject, Id, Word, wire};
use crate::exports::destination::Lent;
use crate::http::body::{Asked, Json};
use crate::http::shapes::AT_MOST;
use crate::state::Api;

/// An export to be configured.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct NewExport {
    /// What its owner calls it.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// What to write.
    format: Word<ExportFormat>,
    /// What to read; each entity becomes a file.
    #[oai(validator(min_items = 1, max_items = 100, unique_items))]
    entities: Vec<String>,
    /// Which records to take: fields and the value they equal, or operators (`eq ne gt gte lt lte in nin exists contains
    /// startsWith`); `and`, `or`, `not` join filters. All records when left out.
    filter: Option<AnyObject>,
    /// When to run by itself; only on request when left out.
    schedule: Option<ScheduleAsked>,
    /// Where the files go.
    destination: DestinationAsked,
    /// How the files are written.
    options: Option<OptionsAsked>,
    /// Write what this snapshot holds, in place of the current records.
    snapshot_id: Option<Id<SnapshotId>>,
    /// Write only what changed since the last run that completed; the first run writes everything. Each record has a member
    /// `_deleted` that says whether it is gone. Not with `snapshotId`.
    incremental: Option<bool>,
}

/// A change of an export: each member that is given replaces the whole of what was there, null removes it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
pub struct ExportPatch {
    /// Its name.
    name: Option<String>,
    /// What to write.
    format: Option<Word<ExportFormat>>,
    /// What to read.
    entities: Option<Vec<String>>,
    /// Which records to take.
    #[oai(nullable)]
    filter: Option<AnyObject>,
    /// When to run by itself.
    #[oai(nullable)]
    schedule: Option<ScheduleAsked>,
    /// Where the files go.
    destination: Option<DestinationAsked>,
    /// How the files are written.
    #[oai(nullable)]
    options: Option<OptionsAsked>,
    /// Of which snapshot its records are.
    #[oai(nullable)]
    snapshot_id: Option<Id<SnapshotId>>,
    /// Whether to write only what changed.
    #[oai(nullable)]
    incremental: Option<bool>,
}

/// When an export runs by itself.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
struct ScheduleAsked {
    /// How often.
    frequency: Word<Frequency>,
    /// Of a week 1 (Monday) to 7, of a month 1 to 31 (its last day where it is shorter) or `LAST`. Only with WEEKLY and
    /// MONTHLY, and needed there.
    #[oai(nullable)]
    day: Option<DayAsked>,
    /// The wall clock, `HH:MM`; midnight when left out. HOURLY takes its minute.
    #[oai(nullable, validator(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    time: Option<String>,
    /// Whose wall clock, by its IANA name; UTC when left out.
    #[oai(nullable)]
    timezone: Option<String>,
    /// What becomes of due times that passed while no worker was there, or while one was late by more than five minutes;
    /// RUN_ONCE when left out.
    #[oai(nullable)]
    missed_runs: Option<Word<MissedRuns>>,
}

#[derive(Debug, Serialize)]
struct DayAsked;

wire!([] DayAsked, "DayAsked", MetaSchemaRef::Inline(Box::new(MetaSchema {
    any_of: vec![
        MetaSchemaRef::Inline(Box::new(MetaSchema { minimum: Some(1.0), maximum: Some(31.0), ..MetaSchema::new("integer") })),
        MetaSchemaRef::Inline(Box::new(MetaSchema { enum_items: vec![Value::from("LAST")], ..MetaSchema::new("string") })),
    ],
    ..MetaSchema::ANY
})), |_| {});

/// Where an export's files go.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
#[allow(dead_code, reason = "gives the document its schema")]
struct DestinationAsked {
    /// What kind of place. LOCAL only where the operator allows a directory; AZURE_BLOB only where there is a storage
    /// account, the operator's or that of a connection.
    #[oai(rename = "type")]
    kind: Word<DestinationType>,
    /// The bucket; with S3, and needed there unless a connection has one.
    #[oai(validator(pattern = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    bucket: Option<String>,
    /// The container; with AZURE_BLOB, and needed there unless a connection has one.
    #[oai(validator(pattern = "^[a-z0-9$][a-z0-9-]{1,61}[a-z0-9]$"))]
    container: Option<String>,
    /// The directory or prefix; slashes around it mean nothing. `{name}`, `{runId}`, `{date}` and `{entity}` in it stand for
    /// what a file is of.
    #[oai(validator(max_length = 500))]
    path: String,
    /// The bucket's region; with S3. That of the connection, or the operator's own, when left out.
    #[oai(validator(pattern = "^[a-z0-9-]{1,50}$"))]
    region: Option<String>,
    /// An `s3` or `azure_blob` connection whose credentials are used in place of the operator's.
    connection_id: Option<Id<ConnectionId>>,
    /// Whether a file that has the name of a new one is replaced, once the new one is whole; nothing that is there is
    /// touched when left out.
    overwrite: Option<bool>,
}

/// An export to be configured, understood.
#[derive(Debug)]
pub struct ExportMeant {
    /// Its name.
    pub name: String,
    /// What to write.
    pub format: ExportFormat,
    /// What to read.
    pub entities: Vec<String>,
    /// Which records, as given.
    pub filter: Option<JsonText>,
    /// When: understood, and as given.
    pub schedule: Option<(Schedule, Value)>,
    /// Where, as given.
    pub destination: Value,
    /// How, as given.
    pub options: Value,
    /// Of which snapshot.
    pub snapshot_id: Option<SnapshotId>,
    /// Whether only what changed.
    pub incremental: bool,
}

/// What an export that is asked for must go with.
#[derive(Debug, Clone, Copy)]
pub struct ExportRules<'a> {
    /// What this installation can do.
    pub api: &'a Api,
    /// Entities that the tenant has though no connector may know them.
    pub own_entities: &'a [String],
    /// The snapshot that is asked for, where the tenant has it.
    pub snapshot: Option<&'a Snapshot>,
    /// The connection that its destination names, if the tenant has it.
    pub lent: Option<&'a Lent>,
}

impl Asked for NewExport {
    type Meant = ExportMeant;
    type Rules<'a> = ExportRules<'a>;
    const OWN: &'static [&'static str] = &["/filter", "/schedule"];

    fn read(body: &Json, rules: ExportRules<'_>, faults: &mut Faults) -> Option<ExportMeant> {
        let ExportRules {
            api,
            own_entities,
            snapshot,
            lent,
        } = rules;
        let format: Option<ExportFormat> =
            body.text_at("/format").and_then(|word| word.parse().ok());
        let entities = body.texts_at("/entities");
        for (place, entity) in entities.iter().flatten().enumerate().take(AT_MOST) {
            if !api.catalogue.knows_entity(entity) && !own_entities.iter().any(|own| own == entity)
            {
                let detail = "No connector has an entity of this name (GET /connectors lists them), and no records of it \
                              were put in.";
                faults.add(format!("/entities/{place}"), "unknown-entity", detail);
            }
        }
        let filter = body.raw("filter");
        if let Some(Err(found)) = filter.as_deref().map(|text| Filter::parse(text, "/filter")) {
            faults.extend(found);
        }
        let given = body.value().pointer("/schedule");
        let schedule = match given.map(|given| Schedule::parse(given, "/schedule")) {
            Some(Ok(schedule)) => Some(schedule),
            Some(Err(found)) => {
                faults.extend(found);
                None
            }
            None => None,
        };
        check_destination(body, api, lent, faults);
        let named = entities.as_deref().unwrap_or_default();
        let options = super::export_options::read(body, format, named, faults);
        let incremental = body.at("/incremental").and_then(Value::as_bool);
        let snapshot_id = body.text_at("/snapshotId");
        let snapshot_id = snapshot_id.and_then(|id| id.parse::<SnapshotId>().ok());
        if snapshot_id.is_some() {
            check_snapshot(snapshot, named, faults);
            if incremental == Some(true) {
                let detail = "A snapshot does not change: it is written whole.";
                faults.add("/incremental", "not-with-snapshot", detail);
            }
        }
        Some(ExportMeant {
            name: body.text_at("/name")?.to_owned(),
            format: format?,
            entities: entities?.into_iter().map(str::to_owned).collect(),
            filter: filter.and_then(|text| JsonText::new(text).ok()),
            schedule: schedule.zip(given.cloned()),
            destination: body.at("/destination")?.clone(),
            options: options?,
            snapshot_id,
            incremental: incremental.unwrap_or(false),
        })
    }
}

fn check_snapshot(snapshot: Option<&Snapshot>, entities: &[&str], faults: &mut Faults) {
    let Some(snapshot) = snapshot else {
        let detail =
            "There is no such snapshot (GET /connections/{connectionId}/snapshots lists them).";
        faults.add("/snapshotId", "unknown-snapshot", detail);
        return;
    };
    for (place, entity) in entities.iter().enumerate().take(AT_MOST) {
        if !snapshot.parts.iter().any(|part| part.entity == *entity) {
            let detail = "The snapshot holds no records of this entity.";
            faults.add(format!("/entities/{place}"), "not-in-snapshot", detail);
        }
    }
}

/// What a change of an export is judged against.
#[derive(Debug, Clone, Copy)]
pub struct PatchRules<'a> {
    /// The export with the change made, as it could be asked for.
    pub whole: &'a Json,
    /// What that must go with.
    pub rules: ExportRules<'a>,
}

impl Asked for ExportPatch {
    type Meant = ExportMeant;
    type Rules<'a> = PatchRules<'a>;
    /// The whole is judged, not the change.
    const OWN: &'static [&'static str] = &[""];

    fn read(_: &Json, rules: PatchRules<'_>, faults: &mut Faults) -> Option<ExportMeant> {
        let PatchRules { whole, rules } = rules;
        faults.extend(rules.api.shapes.faults::<NewExport>(whole.value()));
        NewExport::read(whole, rules, faults)
    }
}

/// The fields that only some kinds of destinations have.
const FIELDS: [(&str, &[DestinationType]); 4] = [
    ("bucket", &[DestinationType::S3]),
    (
        "connectionId",
        &[DestinationType::S3, DestinationType::AzureBlob],
    ),
    ("container", &[DestinationType::AzureBlob]),
    ("region", &[DestinationType::S3]),
];

fn check_destination(body: &Json, api: &Api, lent: Option<&Lent>, faults: &mut Faults) {
    if let Some(path) = body.text_at("/destination/path") {
        if let Err(failure) = LocalPlace::new(PathBuf::new(), path) {
            faults.add("/destination/path", "bad-path", failure.message);
        } else if let Err(detail) = PathTemplate::parse(path) {
            faults.add("/destination/path", "bad-path", detail);
        }
    }
    let kind: Option<DestinationType> = body
        .text_at("/destination/type")
        .and_then(|word| word.parse().ok());
    let Some(kind) = kind else {
        return;
    };
    let by_connection = body.at("/destination/connectionId").is_some();
    let unset = match kind {
        DestinationType::Local if api.outputs.export_dir().is_none() => Some("RAIL_EXPORT_DIR"),
        DestinationType::AzureBlob if !by_connection && !api.outputs.has_azure_account() => {
            Some("RAIL_AZURE_ACCOUNT")
        }
        _ => None,
    };
    if let Some(variable) = unset {
        let detail = format!("{kind} is not available: the operator has set no {variable}.");
        faults.add("/destination/type", "destination-unavailable", detail);
    }
    let needed = match kind {
        DestinationType::S3 if !by_connection => Some("bucket"),
        DestinationType::AzureBlob if !by_connection => Some("container"),
        _ => None,
    };
    for (field, kinds) in FIELDS {
        let pointer = format!("/destination/{field}");
        let given = body.at(&pointer).is_some();
        if given && !kinds.contains(&kind) {
            let detail = format!("A destination of type {kind} has no {field}.");
            faults.add(pointer, "unknown-field", detail);
        } else if !given && needed == Some(field) && !faults.touch(&pointer) {
            let detail = format!("With {kind}, the {field} is required.");
            faults.add(pointer, "missing", detail);
        }
    }
    if let Some(connector) = connector_for(kind)
        && by_connection
    {
        check_connection(body, api, connector, lent, faults);
    }
}

fn check_connection(
    body: &Json,
    api: &Api,
    connector: &str,
    lent: Option<&Lent>,
    faults: &mut Faults,
) {
    const AT: &str = "/destination/connectionId";
    if faults.touch(AT) {
        return;
    }
    match lent {
        None => faults.add(
            AT,
            "unknown-connection",
            "There is no connection of this id.",
        ),
        Some(lent) if lent.connector_id != connector => {
            let detail = format!("A connection of the connector {connector} is needed here.");
            faults.add(AT, "wrong-connector", detail);
        }
        Some(lent) if faults.is_empty() => {
            // What is not right with bucket, container and path was found before.
            let settings = body.at("/destination").map(DestinationSettings::read);
            let opened = settings.map(|settings| {
                settings.and_then(|settings| settings.open(&api.outputs, Some(&lent.credentials)))
            });
            if let Some(Err(failure)) = opened {
                faults.add(AT, "unusable-connection", failure.message);
            }
        }
        Some(_) => {}
    }
}
