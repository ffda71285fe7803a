//! Entities of a connection on the wire.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::connectors::{Checkpoint, Span};
use rail_shared::domain::SyncId;
use rail_shared::store::StoreError;
use rail_shared::store::streams::StreamRow;
use serde::Serialize;

use super::wire::Id;
use crate::http::answer::Shown;

/// How far an entity of a connection has been read.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Entity {
    /// As the connector names it.
    pub name: String,
    /// Up to when all that was created, changed or removed has been read: there the next INCREMENTAL goes on. Null until
    /// a sync has read everything, and after a reset.
    through: Option<DateTime<Utc>>,
    /// The times of creation whose records have been read, in rising order: everything before `through`, and the ranges
    /// that were read beyond it. An INCREMENTAL with a dateRange leaves these out.
    coverage: Vec<Interval>,
    /// When a sync last read it to the end of what was asked.
    last_read_at: Option<DateTime<Utc>>,
    /// Which sync that was.
    last_sync_id: Option<Id<SyncId>>,
}

impl Shown for Entity {}

/// A span of time, half-open.
#[derive(Debug, Serialize, Object)]
struct Interval {
    /// The first instant inside; null: since ever.
    from: Option<DateTime<Utc>>,
    /// The first instant after.
    to: Option<DateTime<Utc>>,
}

impl Entity {
    /// One that was never read.
    pub fn unread(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            through: None,
            coverage: Vec::new(),
            last_read_at: None,
            last_sync_id: None,
        }
    }
}

impl TryFrom<StreamRow> for Entity {
    type Error = StoreError;

    fn try_from(row: StreamRow) -> Result<Self, StoreError> {
        let StreamRow {
            id: _,
            entity,
            checkpoint,
            last_sync_id,
            last_read_at,
        } = row;
        let checkpoint: Option<Checkpoint> = checkpoint.map(serde_json::from_value).transpose()?;
        // The vendor's own cursor is its affair and ours.
        let Checkpoint {
            through,
            coverage,
            token: _,
        } = checkpoint.unwrap_or_default();
        let spans = coverage.spans().iter().copied();
        Ok(Self {
            name: entity,
            through,
            coverage: spans.map(Interval::from).collect(),
            last_read_at,
            last_sync_id: last_sync_id.map(|id| Id(id.into())),
        })
    }
}

impl From<Span> for Interval {
    fn from(span: Span) -> Self {
        let Span { from, until } = span;
        Self { from, to: until }
    }
}
