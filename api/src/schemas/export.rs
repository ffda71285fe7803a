//! Exports on the wire, as they are answered.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{ExportFormat, ExportId, SnapshotId};
use rail_shared::store::exports::ExportRow;
use serde::Serialize;

use super::wire::{AnyObject, ExactObject, Id, Word};
use crate::http::answer::{Shown, Tagged};

/// A configured export.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Export {
    /// Identity.
    export_id: Id<ExportId>,
    /// What its owner calls it.
    name: String,
    /// What it writes.
    format: Word<ExportFormat>,
    /// What it reads; one file each.
    entities: Vec<String>,
    /// Which records it takes; all when null.
    filter: Option<ExactObject>,
    /// When it runs by itself; not at all when null.
    schedule: Option<AnyObject>,
    /// Where its files go.
    destination: AnyObject,
    /// How they are written: what was chosen.
    options: AnyObject,
    /// Of which snapshot its records are; the current ones when null.
    snapshot_id: Option<Id<SnapshotId>>,
    /// Whether a run writes only what changed since the last one that completed.
    incremental: bool,
    /// Since when it does not run by itself.
    paused_at: Option<DateTime<Utc>>,
    /// When it runs by itself next.
    next_run_at: Option<DateTime<Utc>>,
    /// When a run last completed.
    last_run_at: Option<DateTime<Utc>>,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl Shown for Export {
    const TAGGED: Tagged = Tagged::Yes;
}

/// What a run would write now.
#[derive(Debug, Serialize, Object)]
pub struct DryRun {
    /// Records in all files.
    pub rows: u64,
    /// The files.
    pub files: Vec<DryRunFile>,
}

impl Shown for DryRun {}

/// One file that a run would write now.
#[derive(Debug, Serialize, Object)]
pub struct DryRunFile {
    /// The entity in it.
    pub entity: String,
    /// Records in it.
    pub rows: u64,
}

impl From<ExportRow> for Export {
    fn from(row: ExportRow) -> Self {
        let ExportRow {
            id,
            tenant_id: _,
            name,
            format,
            entities,
            filter,
            options,
            schedule,
            destination,
            snapshot_id,
            incremental,
            paused_at,
            next_run_at,
            last_run_at,
            version: _,
            created_at,
            updated_at,
        } = row;
        Self {
            export_id: Id(id),
            name,
            format: Word(format),
            entities,
            filter: filter.map(ExactObject::from),
            schedule: schedule.map(AnyObject::from),
            destination: destination.into(),
            options: options.into(),
            snapshot_id: snapshot_id.map(|id| Id(id.into())),
            incremental,
            paused_at,
            next_run_at,
            last_run_at,
            created_at,
            updated_at,
        }
    }
}
