//! Settling: how attempts ended is written for many jobs in one statement.

use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::{Lease, millis};
use crate::domain::{AttemptOutcome, Failure, JobId, JobState};
use crate::store::StoreError;
use crate::store::statement::statement;

/// How an attempt is settled.
#[derive(Debug, Clone)]
pub enum Settled {
    /// The job is complete.
    Done,
    /// Put back, due after the wait, for this reason where the other side gave one; no attempt spent.
    Snoozed(Duration, Option<Failure>),
    /// Ended on request.
    Cancelled,
    /// Put back, due after the wait; the attempt is spent.
    Retry(Failure, Duration),
    /// Ended by an error.
    Failed(Failure),
}

impl Settled {
    fn state(&self) -> JobState {
        match self {
            Self::Done => JobState::Completed,
            Self::Snoozed(..) | Self::Retry(..) => JobState::Queued,
            Self::Cancelled => JobState::Cancelled,
            Self::Failed(_) => JobState::Failed,
        }
    }

    fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Done => AttemptOutcome::Done,
            Self::Snoozed(..) => AttemptOutcome::Snoozed,
            Self::Cancelled => AttemptOutcome::Cancelled,
            Self::Retry(..) => AttemptOutcome::Retry,
            Self::Failed(_) => AttemptOutcome::Failed,
        }
    }

    /// How long the job waits until it is due again, where it is put back.
    #[must_use]
    pub fn wait(&self) -> Duration {
        match self {
            Self::Snoozed(wait, _) | Self::Retry(_, wait) => *wait,
            Self::Done | Self::Cancelled | Self::Failed(_) => Duration::ZERO,
        }
    }

    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Retry(failure, _) | Self::Failed(failure) => Some(failure),
            Self::Snoozed(_, failure) => failure.as_ref(),
            Self::Done | Self::Cancelled => None,
        }
    }
}

/// Where a job stands after its attempt was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The job.
    pub job_id: JobId,
    /// Its state: one that would have been put back is cancelled instead when somebody asked for that.
    pub state: JobState,
    /// What a ring for it must carry, when it was put back.
    pub dispatch_no: i32,
}

#[derive(diesel::QueryableByName)]
struct StandingRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    dispatch_no: i32,
}

/// Ends attempts: each job ends or is put back, and the row of its attempt says how. A job that is missing from the
/// answer is no longer held under this lease, and nothing was written for it.
///
/// # Errors
/// When the database refuses.
pub async fn settle(
    conn: &mut AsyncPgConnection,
    ends: &[(&Lease, &Settled)],
) -> Result<Vec<Standing>, StoreError> {
    fn column<T>(ends: &[(&Lease, &Settled)], of: impl Fn(&Lease, &Settled) -> T) -> Vec<T> {
        ends.iter().map(|(lease, how)| of(lease, how)).collect()
    }
    let errors: Vec<Option<Value>> = ends
        .iter()
        .map(|(_, how)| how.failure().map(serde_json::to_value).transpose())
        .collect::<Result<_, _>>()?;
    let rows: Vec<StandingRow> = statement(
        "WITH mine AS (
             SELECT jobs.id, ends.fence, ends.wait_ms, ends.error,
                    CASE WHEN gives_in THEN 'CANCELLED' ELSE ends.state END AS state,
                    CASE WHEN gives_in THEN 'CANCELLED' ELSE ends.outcome END AS outcome
             FROM unnest($1, $2, $3, $4, $5, $6) AS ends (id, fence, state, outcome, wait_ms, error)
             JOIN jobs ON jobs.id = ends.id AND jobs.fence = ends.fence AND jobs.state = 'RUNNING',
             LATERAL (SELECT ends.state = 'QUEUED' AND cancel_requested_at IS NOT NULL AS gives_in) AS asked
             ORDER BY jobs.id FOR NO KEY UPDATE OF jobs
         ), settled AS (
             UPDATE jobs SET state = mine.state, lease_owner = NULL, lease_until = NULL,
                    dispatch_no = dispatch_no + 1, attempt = attempt - (mine.outcome = 'SNOOZED')::int,
                    barren_attempts = barren_attempts + (mine.outcome = 'RETRY')::int,
                    due_at = now() + mine.wait_ms * interval '1 millisecond',
                    error = CASE WHEN mine.outcome IN ('SNOOZED', 'CANCELLED') THEN jobs.error ELSE mine.error END,
                    finished_at = CASE WHEN mine.state <> 'QUEUED' THEN clock_timestamp() END
             FROM mine WHERE jobs.id = mine.id
             RETURNING jobs.id, jobs.state, jobs.dispatch_no
         ), ended AS (
             UPDATE job_attempts SET ended_at = clock_timestamp(), outcome = mine.outcome, error = mine.error
             FROM mine WHERE job_id = mine.id AND job_attempts.fence = mine.fence
         )
         SELECT id, state, dispatch_no FROM settled",
    )
    .bind::<Array<diesel::sql_types::Uuid>, _>(column(ends, |lease, _| lease.job_id.uuid()))
    .bind::<Array<BigInt>, _>(column(ends, |lease, _| lease.fence))
    .bind::<Array<Text>, _>(column(ends, |_, how| how.state().as_str()))
    .bind::<Array<Text>, _>(column(ends, |_, how| how.outcome().as_str()))
    .bind::<Array<BigInt>, _>(column(ends, |_, how| millis(how.wait())))
    .bind::<Array<Nullable<Jsonb>>, _>(errors)
    .load(conn)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Standing {
                job_id: row.id.into(),
                state: row.state.parse().ok()?,
                dispatch_no: row.dispatch_no,
            })
        })
        .collect())
}
