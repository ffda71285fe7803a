//! An event as everybody reads it: in the log, in the stream and in a webhook.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{ConnectionId, EventId, EventType, ExportId, RunId, SyncId, WebhookId};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number: those of a tenant follow each other without a gap.
    pub seq: i64,
    /// Identity.
    pub id: EventId,
    /// What happened: an [`EventType`], or a word of a newer version's, which is passed on as it is.
    pub event_type: String,
    /// On which connection, if on one.
    pub connection_id: Option<ConnectionId>,
    /// Of which export, if of one.
    pub export_id: Option<ExportId>,
    /// To what: the number of a connection, a sync, a run or a webhook.
    pub subject_id: Uuid,
    /// What it says beside these ids.
    pub says: Map<String, Value>,
    /// When; never earlier than an event before it.
    pub created_at: DateTime<Utc>,
}

impl Event {
    /// What it says, the ids of what it speaks of first.
    #[must_use]
    pub fn payload(&self) -> Map<String, Value> {
        let mut payload = Map::new();
        let mut name = |key: &str, id: String| payload.insert(key.to_owned(), id.into());
        if let Some(id) = self.connection_id {
            name("connectionId", id.to_string());
        }
        if let Some(id) = self.export_id {
            name("exportId", id.to_string());
        }
        match self.event_type.parse() {
            Ok(EventType::Connected | EventType::ReauthRequired) | Err(_) => {}
            Ok(
                EventType::SyncStarted
                | EventType::SyncCompleted
                | EventType::SyncFailed
                | EventType::SyncCancelled,
            ) => {
                name("syncId", SyncId::from(self.subject_id).to_string());
            }
            Ok(EventType::ExportCompleted | EventType::ExportFailed) => {
                name("runId", RunId::from(self.subject_id).to_string());
            }
            Ok(EventType::WebhookDisabled) => {
                name("webhookId", WebhookId::from(self.subject_id).to_string());
            }
        }
        payload.extend(self.says.clone());
        payload
    }

    /// The whole of it as JSON, the same bytes each time: what is signed and sent.
    #[must_use]
    pub fn body(&self) -> String {
        json!({
            "type": self.event_type,
            "timestamp": self.created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "eventId": self.id,
            "sequence": self.seq,
            "data": self.payload(),
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_what_it_speaks_of_by_the_ids_that_callers_know() {
        let (connection, sync) = (ConnectionId::new(), SyncId::new());
        let mut event = Event {
            seq: 7,
            id: EventId::new(),
            event_type: EventType::SyncCompleted.to_string(),
            connection_id: Some(connection),
            export_id: None,
            subject_id: sync.uuid(),
            says: Map::from_iter([("mode".to_owned(), "FULL".into())]),
            created_at: "2026-01-02T03:04:05.678901Z".parse().unwrap(),
        };
        let body: Value = serde_json::from_str(&event.body()).unwrap();
        assert_eq!(
            body,
            json!({
                "type": "integration.sync.completed", "timestamp": "2026-01-02T03:04:05.678901Z", "eventId": event.id,
                "sequence": 7, "data": {"connectionId": connection, "syncId": sync, "mode": "FULL"},
            })
        );
        let (export, run) = (ExportId::new(), RunId::new());
        event.event_type = EventType::ExportFailed.to_string();
        (event.connection_id, event.export_id) = (None, Some(export));
        event.subject_id = run.uuid();
        assert_eq!(
            Value::Object(event.payload()),
            json!({"exportId": export, "runId": run, "mode": "FULL"})
        );
        assert_eq!(event.body(), event.body());
    }
}
