//! Exports on the wire, as they are answered.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{ExportFormat, ExportId};
use rail_shared::store::exports::ExportRow;
use serde::Serialize;

use super::wire::{AnyObject, ExactObject, Id, Word};
use crate::answer::Shown;

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
    /// When it runs by itself next.
    next_run_at: Option<DateTime<Utc>>,
    /// When a run last completed.
    last_run_at: Option<DateTime<Utc>>,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl Shown for Export {}

impl From<ExportRow> for Export {
    fn from(row: ExportRow) -> Self {
        let ExportRow {
            id,
            tenant_id: _,
            name,
            format,
            entities,
            filter,
            options: _,
            schedule,
            destination,
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
            next_run_at,
            last_run_at,
            created_at,
            updated_at,
        }
    }
}
