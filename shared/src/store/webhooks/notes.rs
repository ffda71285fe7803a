//! What came of attempts at telling webhooks of events: of many at once in one statement.

use std::time::Duration;

use diesel::sql_types::{self, Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::following::column_of;
use crate::domain::{ConnectionId, DeliveryOutcome, EventId, JobId, Sent};
use crate::store::leases::millis;
use crate::store::statement::statement;
use crate::store::{Lease, StoreError};

/// What an attempt was made for.
#[derive(Debug, Clone, Copy)]
pub enum OfLane {
    /// The next event of a connection's lane.
    Next(Option<ConnectionId>),
    /// An event that somebody wants sent once more, and asked for so often.
    Again(i32),
}

/// One attempt, to be written.
#[derive(Debug, Clone)]
pub struct Note {
    /// The right to write for the webhook.
    pub lease: Lease,
    /// The event's number.
    pub seq: i64,
    /// The event.
    pub event_id: EventId,
    /// What it reports.
    pub event_type: String,
    /// The webhook's version as the attempt was made: what its owner changed since is not overruled.
    pub version: i64,
    /// Which attempt at it this was, from 1.
    pub attempt: i32,
    /// What was made of it.
    pub outcome: DeliveryOutcome,
    /// What was sent and what came back.
    pub sent: Sent,
    /// What it was made for.
    pub of: OfLane,
    /// How long until its lane goes on (the resend is tried again), where that is behind afterwards.
    pub due_in: Option<Duration>,
    /// How long nothing at all is tried at the receiver.
    pub rest: Option<Duration>,
}

#[derive(diesel::QueryableByName)]
struct WrittenRow {
    #[diesel(sql_type = sql_types::Uuid)]
    webhook_id: Uuid,
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

/// Writes notes of attempts, each with what follows from it for its lane and its webhook. What is missing from the answer was
/// not written: its lease is held no more. Of one lane there may be one note.
///
/// # Errors
/// When the database refuses.
pub async fn note(
    conn: &mut AsyncPgConnection,
    notes: &[Note],
) -> Result<Vec<(JobId, i64)>, StoreError> {
    fn column<T>(notes: &[Note], of: impl Fn(&Note) -> T) -> Vec<T> {
        notes.iter().map(of).collect()
    }
    let rows: Vec<WrittenRow> = statement(
        "WITH notes AS (
             SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                                  $19, $20)
               AS note (webhook_id, fence, seq, event_id, event_type, attempt, outcome, status, answer, error, latency_ms,
                        started_at, of_lane, connection_id, due_in_ms, rest_ms, id, length_ms, version, asks)
         ), held AS (
             -- What is noted is progress; and whoever notes all the time holds a row that the heartbeat passes over.
             UPDATE jobs SET barren_attempts = 0, progress_at = now(),
                    lease_until = greatest(lease_until, now() + mine.length_ms * interval '1 millisecond')
             FROM (SELECT DISTINCT webhook_id, fence, length_ms FROM notes) AS mine
             WHERE jobs.id = mine.webhook_id AND jobs.fence = mine.fence AND jobs.state = 'RUNNING'
             RETURNING jobs.id, jobs.fence
         ), mine AS (
             SELECT notes.* FROM notes JOIN held ON held.id = webhook_id AND held.fence = notes.fence
         ), logged AS (
             INSERT INTO webhook_attempts (id, webhook_id, seq, event_id, event_type, attempt, outcome, status, answer, error,
                                           latency_ms, started_at)
             SELECT id, webhook_id, seq, event_id, event_type, attempt, outcome, status, answer, error, latency_ms, started_at
             FROM mine
         ), lanes AS (
             INSERT INTO webhook_lanes (webhook_id, connection_id, done_seq, attempts, failing_since, due_at)
             SELECT webhook_id, connection_id, seq - (outcome = 'RETRY')::int,
                    CASE WHEN outcome = 'RETRY' THEN attempt ELSE 0 END, CASE WHEN outcome = 'RETRY' THEN now() END,
                    now() + due_in_ms * interval '1 millisecond'
             FROM mine WHERE of_lane
             ON CONFLICT (webhook_id, connection_id) DO UPDATE
             SET done_seq = excluded.done_seq, attempts = excluded.attempts, due_at = excluded.due_at,
                 failing_since = CASE WHEN excluded.attempts > 1
                                      THEN coalesce(webhook_lanes.failing_since, excluded.failing_since)
                                      ELSE excluded.failing_since END
         ), resent AS (
             DELETE FROM webhook_resends USING mine
             WHERE NOT of_lane AND outcome <> 'RETRY' AND webhook_resends.webhook_id = mine.webhook_id
               AND webhook_resends.seq = mine.seq AND webhook_resends.asks = mine.asks
         ), again AS (
             UPDATE webhook_resends SET attempts = mine.attempt, due_at = now() + mine.due_in_ms * interval '1 millisecond'
             FROM mine WHERE NOT of_lane AND outcome = 'RETRY' AND webhook_resends.webhook_id = mine.webhook_id
               AND webhook_resends.seq = mine.seq AND webhook_resends.asks = mine.asks
         ), told AS (
             SELECT webhook_id, bool_or(outcome = 'DELIVERED') AS taken, count(*) FILTER (WHERE outcome <> 'DELIVERED') AS failed,
                    max(rest_ms) AS rest_ms, min(version) AS version
             FROM mine GROUP BY webhook_id
         ), standing AS (
             UPDATE webhooks SET failures = CASE WHEN taken THEN 0 ELSE failures + failed END,
                    failing_since = CASE WHEN taken THEN NULL ELSE coalesce(failing_since, now()) END,
                    -- What was answered beside an answer that asks for time does not take it away.
                    retry_at = CASE WHEN rest_ms IS NOT NULL THEN greatest(retry_at, now() + rest_ms * interval '1 millisecond')
                                    WHEN retry_at > now() THEN retry_at END,
                    last_delivered_at = CASE WHEN taken THEN now() ELSE last_delivered_at END
             FROM told WHERE webhooks.id = told.webhook_id AND webhooks.version = told.version
               -- Written as seldom as does: a webhook that always takes its events says so once a second.
               AND (NOT taken OR rest_ms IS NOT NULL OR failures > 0 OR retry_at IS NOT NULL
                    OR last_delivered_at IS NULL OR last_delivered_at < now() - interval '1 second')
         )
         SELECT webhook_id, seq FROM mine",
    )
    .bind::<Array<sql_types::Uuid>, _>(column(notes, |note| note.lease.job_id.uuid()))
    .bind::<Array<BigInt>, _>(column(notes, |note| note.lease.fence))
    .bind::<Array<BigInt>, _>(column(notes, |note| note.seq))
    .bind::<Array<sql_types::Uuid>, _>(column(notes, |note| note.event_id.uuid()))
    .bind::<Array<Text>, _>(column(notes, |note| note.event_type.clone()))
    .bind::<Array<Integer>, _>(column(notes, |note| note.attempt))
    .bind::<Array<Text>, _>(column(notes, |note| note.outcome.as_str()))
    .bind::<Array<Nullable<Integer>>, _>(column(notes, |note| note.sent.status.map(i32::from)))
    .bind::<Array<Nullable<Text>>, _>(column(notes, |note| note.sent.answer.clone()))
    .bind::<Array<Nullable<Text>>, _>(column(notes, |note| note.sent.error.clone()))
    .bind::<Array<Integer>, _>(column(notes, |note| {
        i32::try_from(note.sent.latency.as_millis()).unwrap_or(i32::MAX)
    }))
    .bind::<Array<Timestamptz>, _>(column(notes, |note| note.sent.started_at))
    .bind::<Array<Bool>, _>(column(notes, |note| matches!(note.of, OfLane::Next(_))))
    .bind::<Array<sql_types::Uuid>, _>(column(notes, |note| match note.of {
        OfLane::Next(connection) => column_of(connection),
        OfLane::Again(_) => Uuid::nil(),
    }))
    .bind::<Array<Nullable<BigInt>>, _>(column(notes, |note| note.due_in.map(millis)))
    .bind::<Array<Nullable<BigInt>>, _>(column(notes, |note| note.rest.map(millis)))
    .bind::<Array<sql_types::Uuid>, _>(column(notes, |_| Uuid::now_v7()))
    .bind::<Array<BigInt>, _>(column(notes, |note| millis(note.lease.length)))
    .bind::<Array<BigInt>, _>(column(notes, |note| note.version))
    .bind::<Array<Integer>, _>(column(notes, |note| match note.of {
        OfLane::Next(_) => 0,
        OfLane::Again(asks) => asks,
    }))
    .load(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.webhook_id.into(), row.seq))
        .collect())
}
