//! Events on the wire: the same in the log, in the stream and in a webhook.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain as words;
use rail_shared::domain::EventId;
use serde::Serialize;

use super::wire::{AnyObject, Id};
use crate::http::answer::Shown;

/// Something that happened.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Event {
    /// What happened.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    event_type: String,
    /// When; never earlier than an event before it.
    timestamp: DateTime<Utc>,
    /// Identity.
    event_id: Id<EventId>,
    /// Its number: those of a tenant follow each other without a gap.
    sequence: i64,
    /// What it speaks of (`connectionId`, `syncId`, `exportId`, `runId`), and how that stood then.
    data: AnyObject,
}

impl Shown for Event {}

impl From<words::Event> for Event {
    fn from(event: words::Event) -> Self {
        let data = AnyObject(event.payload());
        let words::Event {
            seq,
            id,
            event_type,
            connection_id: _,
            export_id: _,
            subject_id: _,
            says: _,
            created_at,
        } = event;
        Self {
            event_type,
            timestamp: created_at,
            event_id: Id(id),
            sequence: seq,
            data,
        }
    }
}
