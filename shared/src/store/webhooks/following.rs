//! How a webhook follows its tenant's log: what its delivery job reads, and where it leaves off.
//!
//! The job reads the log behind `read_seq`. Events of one connection make a lane, and a lane keeps its order: one whose
//! event could not be delivered is left behind while the others go on, and catches up from its own place.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{self, Array, BigInt, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::{WebhookRow, webhooks};
use crate::domain::{ConnectionId, Event, WebhookId, WebhookStatus};
use crate::store::events::{self, On, Wanted};
use crate::store::leases::{millis, one};
use crate::store::statement::statement;
use crate::store::{Lease, StoreError};

/// How far the events of one connection were delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// Which connection; events without one make a lane too.
    pub connection_id: Option<ConnectionId>,
    /// Its events up to here are done with.
    pub done_seq: i64,
    /// Attempts at its next event.
    pub attempts: i32,
    /// How long they fail.
    pub failing_for: Duration,
    /// How long until it goes on, where it was left behind.
    pub due_in: Option<Duration>,
}

#[derive(QueryableByName)]
struct LaneRow {
    #[diesel(sql_type = sql_types::Uuid)]
    connection_id: Uuid,
    #[diesel(sql_type = BigInt)]
    done_seq: i64,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = BigInt)]
    failing_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    due_in_ms: Option<i64>,
}

fn time(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

macro_rules! lanes_where {
    ($which:literal) => {
        concat!(
            "SELECT connection_id, done_seq, attempts,
                    (coalesce(extract(epoch FROM clock_timestamp() - failing_since), 0) * 1000)::bigint AS failing_ms,
                    CASE WHEN due_at IS NOT NULL
                         THEN (greatest(0, extract(epoch FROM due_at - clock_timestamp())) * 1000)::bigint END AS due_in_ms
             FROM webhook_lanes WHERE webhook_id = $1 AND ",
            $which
        )
    };
}

impl From<LaneRow> for Lane {
    fn from(row: LaneRow) -> Self {
        Self {
            connection_id: (!row.connection_id.is_nil()).then(|| row.connection_id.into()),
            done_seq: row.done_seq,
            attempts: row.attempts,
            failing_for: time(row.failing_ms),
            due_in: row.due_in_ms.map(time),
        }
    }
}

/// How a lane is written.
pub(super) fn column_of(connection: Option<ConnectionId>) -> Uuid {
    connection.map_or_else(Uuid::nil, ConnectionId::uuid)
}

/// The webhook of a delivery job; `None` when it was erased.
///
/// # Errors
/// When the database refuses.
pub async fn open(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
) -> Result<Option<WebhookRow>, StoreError> {
    Ok(webhooks::table
        .find(lease.job_id.uuid())
        .select(WebhookRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// Which version of its webhook a delivery job finds; `None` when that was erased.
///
/// # Errors
/// When the database refuses.
pub async fn version(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
) -> Result<Option<i64>, StoreError> {
    Ok(webhooks::table
        .find(lease.job_id.uuid())
        .select(webhooks::version)
        .first(conn)
        .await
        .optional()?)
}

/// The lanes of these connections, as far as they were ever delivered to.
///
/// # Errors
/// When the database refuses.
pub async fn lanes_of(
    conn: &mut AsyncPgConnection,
    webhook: WebhookId,
    connections: impl IntoIterator<Item = Option<ConnectionId>>,
) -> Result<Vec<Lane>, StoreError> {
    let connections: Vec<Uuid> = connections.into_iter().map(column_of).collect();
    let rows: Vec<LaneRow> = statement(lanes_where!("connection_id = ANY($2)"))
        .bind::<sql_types::Uuid, _>(webhook.uuid())
        .bind::<Array<sql_types::Uuid>, _>(connections)
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Lane::from).collect())
}

/// Lanes that were left behind, the first due first, at most so many.
///
/// # Errors
/// When the database refuses.
pub async fn lanes_behind(
    conn: &mut AsyncPgConnection,
    webhook: WebhookId,
    at_most: i64,
) -> Result<Vec<Lane>, StoreError> {
    let rows: Vec<LaneRow> = statement(lanes_where!(
        "due_at IS NOT NULL ORDER BY due_at, connection_id LIMIT $2"
    ))
    .bind::<sql_types::Uuid, _>(webhook.uuid())
    .bind::<BigInt, _>(at_most)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(Lane::from).collect())
}

/// The next events of a lane that was left behind, in their order.
///
/// # Errors
/// When the database refuses.
pub async fn behind(
    conn: &mut AsyncPgConnection,
    webhook: &WebhookRow,
    lane: &Lane,
    at_most: u16,
) -> Result<Vec<Event>, StoreError> {
    let wanted = Wanted {
        types: Vec::new(),
        on: On::from(lane.connection_id),
    };
    let mut found = events::read(conn, webhook.tenant_id, lane.done_seq, &wanted, at_most).await?;
    found.retain(|event| event.seq <= webhook.read_seq);
    Ok(found)
}

/// Notes that the log was read up to a number, and which lanes were left behind with it: each with the number up to which it
/// is done.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn advance(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    read_seq: i64,
    left: &[(Option<ConnectionId>, i64)],
) -> Result<(), StoreError> {
    let (connections, done): (Vec<Uuid>, Vec<i64>) = left
        .iter()
        .map(|(connection, done_seq)| (column_of(*connection), *done_seq))
        .unzip();
    let advanced = statement(
        "WITH held AS (
             SELECT id FROM jobs WHERE id = $1 AND fence = $2 AND state = 'RUNNING' FOR NO KEY UPDATE
         ), left_behind AS (
             INSERT INTO webhook_lanes (webhook_id, connection_id, done_seq, due_at)
             SELECT held.id, lane.connection_id, lane.done_seq, now() FROM held, unnest($4, $5) AS lane (connection_id, done_seq)
             ON CONFLICT (webhook_id, connection_id) DO UPDATE
             SET done_seq = greatest(webhook_lanes.done_seq, excluded.done_seq), due_at = coalesce(webhook_lanes.due_at, now())
         )
         UPDATE webhooks SET read_seq = $3 FROM held WHERE webhooks.id = held.id",
    )
    .bind::<sql_types::Uuid, _>(lease.job_id.uuid())
    .bind::<BigInt, _>(lease.fence)
    .bind::<BigInt, _>(read_seq)
    .bind::<Array<sql_types::Uuid>, _>(connections)
    .bind::<Array<BigInt>, _>(done)
    .execute(conn)
    .await?;
    one(advanced)
}

/// Notes how far a lane that was left behind is done, and whether it still is behind.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn place(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    connection: Option<ConnectionId>,
    done_seq: i64,
    behind: bool,
) -> Result<(), StoreError> {
    let placed = statement(
        "WITH held AS (
             SELECT id FROM jobs WHERE id = $1 AND fence = $2 AND state = 'RUNNING' FOR NO KEY UPDATE
         )
         UPDATE webhook_lanes SET done_seq = $4, attempts = 0, failing_since = NULL, due_at = CASE WHEN $5 THEN now() END
         FROM held WHERE webhook_id = held.id AND webhook_lanes.connection_id = $3",
    )
    .bind::<sql_types::Uuid, _>(lease.job_id.uuid())
    .bind::<BigInt, _>(lease.fence)
    .bind::<sql_types::Uuid, _>(column_of(connection))
    .bind::<BigInt, _>(done_seq)
    .bind::<sql_types::Bool, _>(behind)
    .execute(conn)
    .await?;
    one(placed)
}

/// An event that is to be sent once more.
#[derive(Debug, Clone)]
pub struct Resend {
    /// Which.
    pub event: Event,
    /// Attempts at this.
    pub attempts: i32,
    /// How long it is wanted.
    pub failing_for: Duration,
    /// How often it was asked for.
    pub asks: i32,
}

#[derive(QueryableByName)]
struct ResendRow {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = BigInt)]
    failing_ms: i64,
    #[diesel(sql_type = Integer)]
    asks: i32,
}

#[derive(QueryableByName)]
struct NextRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    next_ms: Option<i64>,
}

/// What is to be sent once more and is due, in the order of the log; and how long until the next of the others is. What the log
/// does not hold any more is forgotten.
///
/// # Errors
/// When the database refuses.
pub async fn due_resends(
    conn: &mut AsyncPgConnection,
    webhook: &WebhookRow,
    at_most: i64,
) -> Result<(Vec<Resend>, Option<Duration>), StoreError> {
    let rows: Vec<ResendRow> = statement(
        "SELECT seq, attempts, (extract(epoch FROM clock_timestamp() - asked_at) * 1000)::bigint AS failing_ms, asks
         FROM webhook_resends WHERE webhook_id = $1 AND due_at <= clock_timestamp() ORDER BY seq LIMIT $2",
    )
    .bind::<sql_types::Uuid, _>(webhook.id.uuid())
    .bind::<BigInt, _>(at_most)
    .load(conn)
    .await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let seq = row.seq;
        let found = events::read(conn, webhook.tenant_id, seq - 1, &Wanted::default(), 1).await?;
        match found.into_iter().find(|event| event.seq == seq) {
            Some(event) => due.push(Resend {
                event,
                attempts: row.attempts,
                failing_for: time(row.failing_ms),
                asks: row.asks,
            }),
            None => drop_resend(conn, webhook.id, seq).await?,
        }
    }
    let next: NextRow = statement(
        "SELECT (extract(epoch FROM min(due_at) - clock_timestamp()) * 1000)::bigint AS next_ms
         FROM webhook_resends WHERE webhook_id = $1 AND due_at > clock_timestamp()",
    )
    .bind::<sql_types::Uuid, _>(webhook.id.uuid())
    .get_result(conn)
    .await?;
    Ok((due, next.next_ms.map(time)))
}

/// Forgets that an event is to be sent once more.
async fn drop_resend(
    conn: &mut AsyncPgConnection,
    webhook: WebhookId,
    seq: i64,
) -> Result<(), StoreError> {
    statement("DELETE FROM webhook_resends WHERE webhook_id = $1 AND seq = $2")
        .bind::<sql_types::Uuid, _>(webhook.uuid())
        .bind::<BigInt, _>(seq)
        .execute(conn)
        .await?;
    Ok(())
}

/// Sends a webhook of this version no more events, for this reason. Returns whether it does not because of this.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn disable(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    version: i64,
    reason: &str,
) -> Result<bool, StoreError> {
    lease.hold(conn).await?;
    let disabled = statement(
        "UPDATE webhooks SET status = $2, status_reason = $3, version = version + 1
         WHERE id = $1 AND status = 'ENABLED' AND version = $4",
    )
    .bind::<sql_types::Uuid, _>(lease.job_id.uuid())
    .bind::<Text, _>(WebhookStatus::Disabled.as_str())
    .bind::<Text, _>(reason)
    .bind::<BigInt, _>(version)
    .execute(conn)
    .await?;
    Ok(disabled == 1)
}

/// Forgets all but the last claims of a delivery job, which lives as long as its webhook.
///
/// # Errors
/// When the database refuses.
pub async fn forget_claims(conn: &mut AsyncPgConnection, lease: &Lease) -> Result<(), StoreError> {
    statement("DELETE FROM job_attempts WHERE job_id = $1 AND fence < $2 - 100")
        .bind::<sql_types::Uuid, _>(lease.job_id.uuid())
        .bind::<BigInt, _>(lease.fence)
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets a receiver be for a while.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn rest(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    length: Duration,
) -> Result<(), StoreError> {
    let rested = statement(
        "WITH held AS (
             SELECT id FROM jobs WHERE id = $1 AND fence = $2 AND state = 'RUNNING' FOR NO KEY UPDATE
         )
         UPDATE webhooks SET retry_at = now() + $3 * interval '1 millisecond' FROM held WHERE webhooks.id = held.id",
    )
    .bind::<sql_types::Uuid, _>(lease.job_id.uuid())
    .bind::<BigInt, _>(lease.fence)
    .bind::<BigInt, _>(millis(length))
    .execute(conn)
    .await?;
    one(rested)
}

/// How long a receiver is still let be, by the clock that wakes its job.
///
/// # Errors
/// When the database refuses.
pub async fn rest_left(
    conn: &mut AsyncPgConnection,
    webhook: WebhookId,
) -> Result<Option<Duration>, StoreError> {
    let row: NextRow = statement(
        "SELECT (extract(epoch FROM retry_at - clock_timestamp()) * 1000)::bigint AS next_ms FROM webhooks WHERE id = $1",
    )
    .bind::<sql_types::Uuid, _>(webhook.uuid())
    .get_result(conn)
    .await?;
    Ok(row.next_ms.filter(|ms| *ms > 0).map(time))
}
