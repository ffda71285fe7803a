//! The log of attempts, and sending once more what it tells of.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{self, BigInt, Integer};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{DeliveryOutcome, WebhookRow};
use crate::domain::{EventId, WebhookId};
use crate::store::schema::webhook_attempts;
use crate::store::statement::statement;
use crate::store::{Listed, PageAsk, StoreError};

/// One attempt.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhook_attempts)]
pub struct AttemptRow {
    /// Identity.
    pub id: Uuid,
    /// The event's number.
    pub seq: i64,
    /// The event.
    #[diesel(deserialize_as = Uuid)]
    pub event_id: EventId,
    /// What it reports.
    pub event_type: String,
    /// Which attempt at it this was, from 1.
    pub attempt: i32,
    /// What came of it.
    #[diesel(deserialize_as = String)]
    pub outcome: DeliveryOutcome,
    /// The status of the answer.
    pub status: Option<i32>,
    /// The beginning of its body.
    pub answer: Option<String>,
    /// Why it does not count as taken.
    pub error: Option<String>,
    /// How long it took.
    pub latency_ms: i32,
    /// When it began.
    pub started_at: DateTime<Utc>,
}

/// The attempts at a webhook, newest first: all, or those of one outcome or one event. The caller has found the webhook to
/// be its tenant's.
///
/// # Errors
/// When the database refuses.
pub async fn list_attempts(
    conn: &mut AsyncPgConnection,
    webhook: &WebhookRow,
    outcome: Option<DeliveryOutcome>,
    event: Option<EventId>,
    ask: PageAsk,
) -> Result<Listed<AttemptRow>, StoreError> {
    let mut query = webhook_attempts::table
        .filter(webhook_attempts::webhook_id.eq(webhook.id.uuid()))
        .order(webhook_attempts::id.desc())
        .limit(ask.probe())
        .select(AttemptRow::as_select())
        .into_boxed();
    if let Some(outcome) = outcome {
        query = query.filter(webhook_attempts::outcome.eq(outcome.as_str()));
    }
    if let Some(event) = event {
        query = query.filter(webhook_attempts::event_id.eq(event.uuid()));
    }
    if let Some(after) = ask.after {
        query = query.filter(webhook_attempts::id.lt(after));
    }
    Ok(Listed::of(query.load(conn).await?, ask.limit))
}

/// Has an event sent once more, wanted by the webhook or not; returns whether the log holds it and the webhook's place is
/// behind it: what is still to come is not sent twice.
///
/// # Errors
/// When the database refuses.
pub async fn resend(
    conn: &mut AsyncPgConnection,
    webhook: &WebhookRow,
    event: EventId,
) -> Result<bool, StoreError> {
    let asked = statement(
        "INSERT INTO webhook_resends (webhook_id, seq)
         SELECT $1, seq FROM events
         WHERE tenant_id = $2 AND id = $3
           AND seq <= coalesce((SELECT max(done_seq) FROM webhook_lanes
                                WHERE webhook_id = $1 AND due_at IS NOT NULL
                                  AND connection_id = coalesce(events.connection_id, '00000000-0000-0000-0000-000000000000')), $4)
         ON CONFLICT (webhook_id, seq) DO UPDATE
         SET attempts = 0, asked_at = now(), due_at = now(), asks = webhook_resends.asks + 1",
    )
    .bind::<sql_types::Uuid, _>(webhook.id.uuid())
    .bind::<sql_types::Uuid, _>(webhook.tenant_id.uuid())
    .bind::<sql_types::Uuid, _>(event.uuid())
    .bind::<BigInt, _>(webhook.read_seq)
    .execute(conn)
    .await?;
    Ok(asked == 1)
}

/// Has all events since an instant that were given up sent once more. Returns how many.
///
/// # Errors
/// When the database refuses.
pub async fn resend_given_up(
    conn: &mut AsyncPgConnection,
    webhook: WebhookId,
    since: DateTime<Utc>,
) -> Result<usize, StoreError> {
    Ok(statement(
        "INSERT INTO webhook_resends (webhook_id, seq)
         SELECT DISTINCT attempt.webhook_id, attempt.seq FROM webhook_attempts AS attempt
         JOIN webhooks ON webhooks.id = attempt.webhook_id
         JOIN events ON events.tenant_id = webhooks.tenant_id AND events.seq = attempt.seq
         WHERE attempt.webhook_id = $1 AND outcome = 'GIVEN_UP' AND events.created_at >= $2
           AND NOT EXISTS (SELECT FROM webhook_attempts AS later
                           WHERE later.webhook_id = $1 AND later.event_id = attempt.event_id AND later.outcome = 'DELIVERED')
         ON CONFLICT (webhook_id, seq) DO UPDATE
         SET attempts = 0, asked_at = now(), due_at = now(), asks = webhook_resends.asks + 1",
    )
    .bind::<sql_types::Uuid, _>(webhook.uuid())
    .bind::<sql_types::Timestamptz, _>(since)
    .execute(conn)
    .await?)
}

/// Forgets attempts that are older than so many days, at most so many.
///
/// # Errors
/// When the database refuses.
pub async fn forget_old(
    conn: &mut AsyncPgConnection,
    days: i32,
    at_most: i64,
) -> Result<usize, StoreError> {
    // Their ids begin with the time.
    Ok(statement(
        "DELETE FROM webhook_attempts WHERE id IN (
             SELECT id FROM webhook_attempts ORDER BY id LIMIT $2
         ) AND started_at < now() - $1 * interval '1 day'",
    )
    .bind::<Integer, _>(days)
    .bind::<BigInt, _>(at_most)
    .execute(conn)
    .await?)
}
