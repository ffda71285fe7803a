//! Webhooks on the wire, as they are answered.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{ConnectionId, DeliveryOutcome, EventId, WebhookId, WebhookStatus};
use rail_shared::store::webhooks::{AttemptRow, WebhookRow};
use serde::Serialize;
use uuid::Uuid;

use super::wire::{Id, Word};
use crate::http::answer::{Shown, Tagged};

/// Where events are sent to.
// Not to be printed: it may hold its secret.
#[derive(Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Webhook {
    /// Identity.
    webhook_id: Id<WebhookId>,
    /// The receiver.
    url: String,
    /// What its owner says of it.
    description: Option<String>,
    /// Which events it gets; all when null.
    event_types: Option<Vec<String>>,
    /// Events on which connections it gets; all, and those on none, when null.
    connection_ids: Option<Vec<Id<ConnectionId>>>,
    /// The names of the headers that are sent along; what they say is not shown.
    header_names: Vec<String>,
    /// At most so many events a second.
    max_per_second: Option<i32>,
    /// Where it stands.
    status: Word<WebhookStatus>,
    /// Why it is DISABLED.
    status_reason: Option<String>,
    /// The number up to which events were sent, or left to be tried again connection by connection.
    sequence: i64,
    /// Attempts in a row that failed, on any connection.
    failures: i32,
    /// Since when they fail.
    failing_since: Option<DateTime<Utc>>,
    /// Until when nothing is tried, where the receiver failed.
    retry_at: Option<DateTime<Utc>>,
    /// When the receiver last took an event, to the second.
    last_delivered_at: Option<DateTime<Utc>>,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When its owner last changed it.
    updated_at: DateTime<Utc>,
    /// What events are signed with: shown in the answer that makes the webhook and in that of a rotation, null elsewhere.
    secret: Option<String>,
}

impl Shown for Webhook {
    const TAGGED: Tagged = Tagged::Yes;
}

impl Webhook {
    /// The same with its secret.
    #[must_use]
    pub fn with_secret(mut self, secret: &str) -> Self {
        self.secret = Some(secret.to_owned());
        self
    }
}

impl From<WebhookRow> for Webhook {
    fn from(row: WebhookRow) -> Self {
        let WebhookRow {
            id,
            tenant_id: _,
            url,
            description,
            event_types,
            connection_ids,
            max_per_second,
            sealed: _,
            sealed_by: _,
            header_names,
            status,
            status_reason,
            read_seq,
            failures,
            failing_since,
            retry_at,
            last_delivered_at,
            version: _,
            created_at,
            updated_at,
        } = row;
        Self {
            webhook_id: Id(id),
            url,
            description,
            event_types,
            connection_ids: connection_ids
                .map(|ids| ids.into_iter().map(|id| Id(id.into())).collect()),
            header_names,
            max_per_second,
            status: Word(status),
            status_reason,
            sequence: read_seq,
            failures,
            failing_since,
            retry_at,
            last_delivered_at,
            created_at,
            updated_at,
            secret: None,
        }
    }
}

/// One attempt at telling a receiver of an event.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct DeliveryAttempt {
    /// Of which event.
    event_id: Id<EventId>,
    /// What that reports.
    event_type: String,
    /// Its number.
    sequence: i64,
    /// Which attempt at it this was, from 1; those of a resend are counted anew.
    attempt: i32,
    /// What came of it.
    outcome: Word<DeliveryOutcome>,
    /// The status of the answer; null without one.
    status: Option<i32>,
    /// The beginning of its body, up to 1 KiB.
    answer: Option<String>,
    /// Why it does not count as taken.
    error: Option<String>,
    /// How long it took, in milliseconds.
    latency_ms: i32,
    /// When it began.
    started_at: DateTime<Utc>,
}

impl Shown for DeliveryAttempt {}

impl From<AttemptRow> for DeliveryAttempt {
    fn from(row: AttemptRow) -> Self {
        let AttemptRow {
            id: _,
            seq,
            event_id,
            event_type,
            attempt,
            outcome,
            status,
            answer,
            error,
            latency_ms,
            started_at,
        } = row;
        Self {
            event_id: Id(event_id),
            event_type,
            sequence: seq,
            attempt,
            outcome: Word(outcome),
            status,
            answer,
            error,
            latency_ms,
            started_at,
        }
    }
}

/// An attempt as a position in a list.
pub fn place_of(row: &AttemptRow) -> Uuid {
    row.id
}

/// What a receiver said to a test.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct WebhookTest {
    /// Whether it answered with a 2xx.
    pub success: bool,
    /// The status of the answer; null without one.
    pub status: Option<u16>,
    /// The beginning of its body, up to 1 KiB.
    pub answer: Option<String>,
    /// Why it does not count as taken.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
}

impl Shown for WebhookTest {}

/// What is to be sent once more.
#[derive(Debug, Serialize, Object)]
pub struct Recovery {
    /// So many events, which had been given up.
    pub events: u64,
}

impl Shown for Recovery {}
