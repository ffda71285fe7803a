//! Records on the wire.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{ConnectionId, SyncId};
use rail_shared::store::reading::RecordRow;
use serde::Serialize;

use super::cursor::NoPosition;
use super::wire::{ExactObject, Id};
use crate::http::answer::Shown;

/// What was synced: one record as its vendor sent it.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Record {
    /// The vendor's id of it.
    external_id: String,
    /// On which connection; null for the platform's own.
    connection_id: Option<Id<ConnectionId>>,
    /// As the vendor sent it.
    record: ExactObject,
    /// When the vendor made it, where it says.
    created_at: Option<DateTime<Utc>>,
    /// When the vendor changed it last, where it says.
    updated_at: Option<DateTime<Utc>>,
    /// The sync that last changed it here; null for the platform's own.
    sync_id: Option<Id<SyncId>>,
    /// When it was last changed here: what `updatedSince` asks about.
    synced_at: DateTime<Utc>,
    /// When it was found gone.
    deleted_at: Option<DateTime<Utc>>,
}

impl Shown for Record {}

impl From<RecordRow> for Record {
    fn from(row: RecordRow) -> Self {
        let RecordRow {
            stream_id: _,
            external_id,
            connection_id,
            payload,
            source_created_at,
            source_updated_at,
            sync_id,
            changed_at,
            deleted_at,
        } = row;
        Self {
            external_id,
            connection_id: connection_id.map(|id| Id(id.into())),
            record: payload.into(),
            created_at: source_created_at,
            updated_at: source_updated_at,
            sync_id: sync_id.map(|id| Id(id.into())),
            synced_at: changed_at,
            deleted_at,
        }
    }
}

/// Where a list of records goes on: after this record of this stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlace {
    /// The stream.
    pub stream_id: i64,
    /// The record.
    pub external_id: String,
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.stream_id, self.external_id)
    }
}

impl FromStr for RecordPlace {
    type Err = NoPosition;
    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let (stream, id) = text.split_once(':').ok_or(NoPosition)?;
        if id.contains('\0') {
            return Err(NoPosition);
        }
        let stream_id = stream.parse().map_err(|_| NoPosition)?;
        Ok(Self {
            stream_id,
            external_id: id.to_owned(),
        })
    }
}
