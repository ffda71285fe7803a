//! What a sync did, in order: a row for each of its commits, written by the commit itself; how its attempts began and
//! ended is read from `job_attempts`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::page::probe;
use super::statement::statement;
use super::{Listed, StoreError};
use crate::domain::{LogKind, SyncId};

/// Commits whose rows are kept; of those before only their sums are.
const KEPT: i32 = 900;
/// How often rows are dropped, in commits: so at most a thousand are there.
const TRIM_EVERY: i32 = 100;

/// What reading the pages of a commit took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Requests that were sent.
    pub requests: u32,
    /// From each request to its answer, summed.
    pub took: Duration,
}

/// Whether the commit whose row has this number is the one to drop older rows.
pub(super) fn is_due(seq: i32) -> bool {
    seq > KEPT && seq % TRIM_EVERY == 0
}

/// Drops the rows of the older commits, their sums added to one row that stands for them.
///
/// # Errors
/// When the database refuses.
pub(super) async fn trim(
    conn: &mut AsyncPgConnection,
    sync: SyncId,
    last: i32,
) -> Result<(), StoreError> {
    statement(
        "WITH old AS (
             DELETE FROM sync_log WHERE sync_id = $1 AND seq BETWEEN 1 AND $2 RETURNING *
         )
         INSERT INTO sync_log AS kept (sync_id, seq, at, entity, requests, read_ms, fetched, created, updated, unchanged,
                                       deleted, errors, entries)
         SELECT $1, 0, max(at), '', sum(requests), sum(read_ms), sum(fetched), sum(created), sum(updated),
                sum(unchanged), sum(deleted), sum(errors), count(*)
         FROM old HAVING count(*) > 0
         ON CONFLICT (sync_id, seq) DO UPDATE SET
             at = excluded.at, requests = kept.requests + excluded.requests, read_ms = kept.read_ms + excluded.read_ms,
             fetched = kept.fetched + excluded.fetched, created = kept.created + excluded.created,
             updated = kept.updated + excluded.updated, unchanged = kept.unchanged + excluded.unchanged,
             deleted = kept.deleted + excluded.deleted, errors = kept.errors + excluded.errors,
             entries = kept.entries + excluded.entries",
    )
    .bind::<diesel::sql_types::Uuid, _>(sync.uuid())
    .bind::<Integer, _>(last - KEPT)
    .execute(conn)
    .await?;
    Ok(())
}

/// The word of an entry, as the statement below gives it.
struct Kind(LogKind);

impl FromSql<Text, Pg> for Kind {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let word = <String as FromSql<Text, Pg>>::from_sql(value)?;
        Ok(Self(word.parse()?))
    }
}

impl From<Kind> for LogKind {
    fn from(kind: Kind) -> Self {
        kind.0
    }
}

/// An entry of a sync's log.
#[derive(Debug, Clone, QueryableByName)]
pub struct LogRow {
    /// When it happened.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// Its place among what happened at the same instant.
    #[diesel(sql_type = Integer)]
    pub place: i32,
    /// The number of the attempt's claim, or of the commit.
    #[diesel(sql_type = BigInt)]
    pub no: i64,
    /// What it tells.
    #[diesel(sql_type = Text, deserialize_as = Kind)]
    pub kind: LogKind,
    /// Of which entity.
    #[diesel(sql_type = Nullable<Text>)]
    pub entity: Option<String>,
    /// Which attempt, of an entry about one.
    #[diesel(sql_type = Nullable<Integer>)]
    pub attempt: Option<i32>,
    /// Who made it, or why it did not succeed.
    #[diesel(sql_type = Nullable<Text>)]
    pub told: Option<String>,
    /// How long it took, in milliseconds: reading, or the wait until the next attempt.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub took_ms: Option<i64>,
    /// How many entries it stands for.
    #[diesel(sql_type = Integer)]
    pub entries: i32,
    /// Requests that were sent.
    #[diesel(sql_type = BigInt)]
    pub requests: i64,
    /// Records read.
    #[diesel(sql_type = BigInt)]
    pub fetched: i64,
    /// Of these: new.
    #[diesel(sql_type = BigInt)]
    pub created: i64,
    /// Changed.
    #[diesel(sql_type = BigInt)]
    pub updated: i64,
    /// As they were.
    #[diesel(sql_type = BigInt)]
    pub unchanged: i64,
    /// Gone.
    #[diesel(sql_type = BigInt)]
    pub deleted: i64,
    /// Could not be stored.
    #[diesel(sql_type = BigInt)]
    pub errors: i64,
}

/// Where a log goes on: after the entry of this instant, place and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlace {
    /// Microseconds since 1970.
    pub at_us: i64,
    /// Its place among what happened at the same instant.
    pub place: i32,
    /// Its number.
    pub no: i64,
}

impl LogRow {
    /// Where the log goes on after it.
    #[must_use]
    pub fn position(&self) -> LogPlace {
        LogPlace {
            at_us: self.at.timestamp_micros(),
            place: self.place,
            no: self.no,
        }
    }
}

/// The log of a sync, oldest first. The caller has found the sync to be its tenant's.
///
/// # Errors
/// When the database refuses.
pub async fn of_sync(
    conn: &mut AsyncPgConnection,
    sync: SyncId,
    after: Option<LogPlace>,
    limit: u16,
) -> Result<Listed<LogRow>, StoreError> {
    let after = after.unwrap_or(LogPlace {
        at_us: 0,
        place: 0,
        no: 0,
    });
    let after_at = DateTime::from_timestamp_micros(after.at_us).unwrap_or(DateTime::UNIX_EPOCH);
    let rows = statement(
        "WITH attempts AS (
             SELECT *, extract(epoch FROM lead(started_at) OVER (ORDER BY fence) - ended_at) * 1000 AS pause_ms
             FROM job_attempts WHERE job_id = $1
         ), entries AS (
             SELECT started_at AS at, 0 AS place, fence AS no, 'attempt-started' AS kind, NULL AS entity, attempt,
                    worker AS told, NULL::bigint AS took_ms, 1 AS entries, 0::bigint AS requests, 0::bigint AS fetched,
                    0::bigint AS created, 0::bigint AS updated, 0::bigint AS unchanged, 0::bigint AS deleted,
                    0::bigint AS errors
             FROM attempts
             UNION ALL
             SELECT at, 1, seq, CASE seq WHEN 0 THEN 'left-out' ELSE 'committed' END,
                    CASE seq WHEN 0 THEN NULL ELSE entity END, NULL, NULL, read_ms, entries, requests, fetched, created,
                    updated, unchanged, deleted, errors
             FROM sync_log WHERE sync_id = $1
             UNION ALL
             SELECT ended_at, 2, fence,
                    CASE outcome WHEN 'DONE' THEN 'completed' WHEN 'SNOOZED' THEN 'waited' WHEN 'RETRY' THEN 'retried'
                                 WHEN 'FAILED' THEN 'failed' WHEN 'CANCELLED' THEN 'cancelled' ELSE 'lease-lost' END,
                    NULL, attempt, error->>'message', pause_ms::bigint, 1, 0, 0, 0, 0, 0, 0, 0
             FROM attempts WHERE ended_at IS NOT NULL
             UNION ALL
             -- Ended before, or between, any attempts.
             SELECT finished_at, 3, fence, 'cancelled', NULL, NULL, NULL, NULL, 1, 0, 0, 0, 0, 0, 0, 0
             FROM jobs WHERE id = $1 AND state = 'CANCELLED'
               AND NOT EXISTS (SELECT FROM attempts WHERE outcome = 'CANCELLED')
         )
         SELECT * FROM entries WHERE (at, place, no) > ($2, $3, $4) ORDER BY at, place, no LIMIT $5",
    )
    .bind::<diesel::sql_types::Uuid, _>(sync.uuid())
    .bind::<Timestamptz, _>(after_at)
    .bind::<Integer, _>(after.place)
    .bind::<BigInt, _>(after.no)
    .bind::<BigInt, _>(probe(limit))
    .load(conn)
    .await?;
    Ok(Listed::of(rows, limit))
}
