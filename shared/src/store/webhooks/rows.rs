//! A webhook as it is stored, and what its owner says of it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::domain::{
    ConnectionId, Event, EventType, TenantId, UnknownWord, WebhookId, WebhookStatus,
};
use crate::store::schema::webhooks;

/// A row, secrets still sealed.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhooks)]
pub struct WebhookRow {
    /// Identity, the same number as its delivery job's.
    #[diesel(deserialize_as = Uuid)]
    pub id: WebhookId,
    /// Whose it is.
    #[diesel(deserialize_as = Uuid)]
    pub tenant_id: TenantId,
    /// Where events are sent to.
    pub url: String,
    /// What its owner says of it.
    pub description: Option<String>,
    /// Which events, by their types; all when `None`.
    pub event_types: Option<Vec<String>>,
    /// Which events, by their connections; all when `None`.
    pub connection_ids: Option<Vec<Uuid>>,
    /// At most so many a second.
    pub max_per_second: Option<i32>,
    /// The envelope of its secrets.
    pub sealed: Vec<u8>,
    /// The id of the master key that wraps the envelope's key.
    pub sealed_by: String,
    /// The names of the headers that are sent along.
    pub header_names: Vec<String>,
    /// Where it stands.
    #[diesel(deserialize_as = String)]
    pub status: WebhookStatus,
    /// Why it is not ENABLED.
    pub status_reason: Option<String>,
    /// What the log holds up to here was delivered, given up or left to a lane.
    pub read_seq: i64,
    /// Attempts in a row that failed.
    pub failures: i32,
    /// Since when they fail.
    pub failing_since: Option<DateTime<Utc>>,
    /// Until when nothing is tried.
    pub retry_at: Option<DateTime<Utc>>,
    /// When its receiver last took an event.
    pub last_delivered_at: Option<DateTime<Utc>>,
    /// Raised by every change of its owner's.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When its owner last changed it.
    pub updated_at: DateTime<Utc>,
}

impl WebhookRow {
    /// Whether it wants an event. A type of another version is none that is there now.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        let of_type = self
            .event_types
            .as_ref()
            .is_none_or(|types| types.contains(&event.event_type));
        let on_connection = self.connection_ids.as_ref().is_none_or(|ids| {
            event
                .connection_id
                .is_some_and(|id| ids.contains(&id.uuid()))
        });
        of_type && on_connection
    }

    /// Which events it wants, by their connections; all when `None`.
    #[must_use]
    pub fn wanted_connections(&self) -> Option<Vec<ConnectionId>> {
        let ids = self.connection_ids.as_ref()?;
        Some(ids.iter().map(|id| ConnectionId::from(*id)).collect())
    }

    /// Which events it wants, by their types; all when `None`.
    ///
    /// # Errors
    /// When the word that is stored is none we know.
    pub fn wanted_types(&self) -> Result<Option<Vec<EventType>>, UnknownWord> {
        let types = self.event_types.as_ref();
        types
            .map(|types| types.iter().map(|word| word.parse()).collect())
            .transpose()
    }
}

/// What its owner says of a webhook.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Where events are sent to.
    pub url: &'a str,
    /// What its owner says of it.
    pub description: Option<&'a str>,
    /// Which events, by their types.
    pub event_types: Option<&'a [EventType]>,
    /// Which events, by their connections.
    pub connection_ids: Option<&'a [ConnectionId]>,
    /// At most so many a second.
    pub max_per_second: Option<i32>,
    /// The envelope of its secrets.
    pub sealed: &'a [u8],
    /// The master key that wraps it.
    pub sealed_by: &'a str,
    /// The names of the headers in it.
    pub header_names: &'a [String],
}

#[derive(AsChangeset, Insertable)]
#[diesel(table_name = webhooks, treat_none_as_null = true)]
pub(super) struct AskedColumns<'a> {
    url: &'a str,
    description: Option<&'a str>,
    event_types: Option<Vec<&'a str>>,
    connection_ids: Option<Vec<Uuid>>,
    max_per_second: Option<i32>,
    sealed: &'a [u8],
    sealed_by: &'a str,
    header_names: &'a [String],
}

impl<'a> From<&Asked<'a>> for AskedColumns<'a> {
    fn from(asked: &Asked<'a>) -> Self {
        let Asked {
            url,
            description,
            event_types,
            connection_ids,
            max_per_second,
            sealed,
            sealed_by,
            header_names,
        } = *asked;
        Self {
            url,
            description,
            event_types: event_types.map(|types| types.iter().map(|word| word.as_str()).collect()),
            connection_ids: connection_ids.map(|ids| ids.iter().map(|id| id.uuid()).collect()),
            max_per_second,
            sealed,
            sealed_by,
            header_names,
        }
    }
}
