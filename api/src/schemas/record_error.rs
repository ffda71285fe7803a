//! Record errors on the wire.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{ConnectionId, RecordErrorId, RecordErrorStatus, SyncId};
use rail_shared::store::record_errors::RecordErrorRow;
use serde::Serialize;

use super::wire::{Id, Word};
use crate::http::answer::Shown;
use crate::routes::BASE;

/// A record that could not be stored as the vendor sent it, or as it was put in. It stays one, however often it is met.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct RecordError {
    /// Identity.
    error_id: Id<RecordErrorId>,
    /// Of which entity the record is.
    entity: String,
    /// The vendor's id of the record; null where none could be read.
    external_id: Option<String>,
    /// What is wrong, as a stable word such as `nul-character`.
    code: String,
    /// What is wrong, in a sentence.
    message: String,
    /// Where it stands: resolved once a later version of the record was stored, or the record is gone.
    status: Word<RecordErrorStatus>,
    /// How many syncs met it, or how often it was put in. After ten, syncs leave it to you to retry it.
    attempts: i32,
    /// When it was first met.
    created_at: DateTime<Utc>,
    /// When it was last met.
    last_seen_at: DateTime<Utc>,
    /// When it was resolved.
    resolved_at: Option<DateTime<Utc>>,
    /// By which sync.
    resolved_by: Option<Id<SyncId>>,
    /// The bytes that the vendor sent; null when they are not kept any more, which is 30 days after it was last met.
    payload: Option<PayloadReference>,
}

impl Shown for RecordError {}

/// Where the vendor's bytes are.
#[derive(Debug, Serialize, Object)]
struct PayloadReference {
    /// The path to get them at.
    path: String,
    /// How many are kept.
    bytes: i32,
    /// Whether there were more: of a record, at most the first 64 KiB are kept.
    truncated: bool,
}

/// Of a connection; or, without one, of what the platform puts in itself.
impl From<(Option<ConnectionId>, RecordErrorRow)> for RecordError {
    fn from((connection, row): (Option<ConnectionId>, RecordErrorRow)) -> Self {
        let RecordErrorRow {
            id,
            entity,
            external_id,
            code,
            message,
            payload_bytes,
            truncated,
            attempts,
            created_at,
            last_seen_at,
            resolved_at,
            resolved_by,
        } = row;
        let errors = match connection {
            Some(connection) => format!("{BASE}/connections/{connection}/errors"),
            None => format!("{BASE}/records/{entity}/errors"),
        };
        let status = match resolved_at {
            Some(_) => RecordErrorStatus::Resolved,
            None => RecordErrorStatus::Open,
        };
        Self {
            error_id: Id(id),
            entity,
            external_id,
            code,
            message,
            status: Word(status),
            attempts,
            created_at,
            last_seen_at,
            resolved_at,
            resolved_by: resolved_by.map(|sync| Id(sync.into())),
            payload: payload_bytes.map(|bytes| PayloadReference {
                path: format!("{errors}/{id}/payload"),
                bytes,
                truncated,
            }),
        }
    }
}
