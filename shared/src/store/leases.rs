//! The right to work on a job, and how it ends.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::StoreError;
use crate::domain::{AttemptOutcome, ConnectionId, Failure, JobId, JobKind, JobState, TenantId};

/// The right to work on a job: held by one worker, for a while, as of one claim.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The job.
    pub job_id: JobId,
    /// Whose work it is.
    pub tenant_id: TenantId,
    /// On which connection, if on one.
    pub connection_id: Option<ConnectionId>,
    /// What the job does.
    pub kind: JobKind,
    /// Raised by the claim: writes with an earlier fence are refused.
    pub fence: i64,
    /// Attempts spent, this one included.
    pub attempt: i32,
    /// Attempts in a row before this one that committed nothing.
    pub barren_attempts: i32,
}

/// How an attempt is settled.
#[derive(Debug, Clone)]
pub enum Settled {
    /// The job is complete.
    Done,
    /// Put back, due after the wait; no attempt spent.
    Snoozed(Duration),
    /// Ended on request.
    Cancelled,
    /// Put back, due after the wait; the attempt is spent.
    Retry(Failure, Duration),
    /// Ended by an error.
    Failed(Failure),
}

#[derive(QueryableByName)]
struct ClaimedRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    connection_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    fence: i64,
    #[diesel(sql_type = Integer)]
    attempt: i32,
    #[diesel(sql_type = Integer)]
    barren_attempts: i32,
}

impl Lease {
    /// Claims a job for `worker`: one statement. `None` is a stale ring, and that is fine.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn claim(
        conn: &mut AsyncPgConnection,
        job_id: JobId,
        dispatch_no: i32,
        worker: &str,
        length: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let row: Option<ClaimedRow> = diesel::sql_query(
            "WITH claimed AS (
                 UPDATE jobs SET state = 'RUNNING', attempt = attempt + 1, fence = fence + 1,
                        barren_attempts = barren_attempts + (state = 'RUNNING')::int, lease_owner = $3,
                        lease_until = now() + $4 * interval '1 millisecond', started_at = coalesce(started_at, now())
                 WHERE id = $1 AND ((state = 'QUEUED' AND due_at <= now() AND dispatch_no = $2)
                                 OR (state = 'RUNNING' AND lease_until < now()))
                 RETURNING *
             ), abandoned AS (
                 UPDATE job_attempts SET ended_at = now(), outcome = 'LEASE_LOST'
                 WHERE job_id = $1 AND ended_at IS NULL AND EXISTS (SELECT FROM claimed)
             ), begun AS (
                 INSERT INTO job_attempts (job_id, fence, attempt, worker)
                 SELECT id, fence, attempt, $3 FROM claimed
             )
             SELECT tenant_id, connection_id, kind, fence, attempt, barren_attempts FROM claimed",
        )
        .bind::<diesel::sql_types::Uuid, _>(job_id.uuid())
        .bind::<Integer, _>(dispatch_no)
        .bind::<Text, _>(worker)
        .bind::<BigInt, _>(millis(length))
        .get_result(conn)
        .await
        .optional()?;
        Ok(row.and_then(|row| {
            Some(Self {
                job_id,
                tenant_id: row.tenant_id.into(),
                connection_id: row.connection_id.map(Into::into),
                kind: row.kind.parse().ok()?,
                fence: row.fence,
                attempt: row.attempt,
                barren_attempts: row.barren_attempts,
            })
        }))
    }

    /// Lengthens the lease.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when it is held no more.
    pub async fn renew(
        &self,
        conn: &mut AsyncPgConnection,
        length: Duration,
    ) -> Result<(), StoreError> {
        let renewed = diesel::sql_query(
            "UPDATE jobs SET lease_until = now() + $3 * interval '1 millisecond'
             WHERE id = $1 AND fence = $2 AND state = 'RUNNING'",
        )
        .bind::<diesel::sql_types::Uuid, _>(self.job_id.uuid())
        .bind::<BigInt, _>(self.fence)
        .bind::<BigInt, _>(millis(length))
        .execute(conn)
        .await?;
        if renewed == 1 {
            Ok(())
        } else {
            Err(StoreError::LeaseLost)
        }
    }

    /// Holds the job's row until the transaction ends: the first statement of every transaction that writes for a job.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the lease is held no more.
    pub async fn hold(&self, conn: &mut AsyncPgConnection) -> Result<(), StoreError> {
        self.check(
            conn,
            "SELECT FROM jobs WHERE id = $1 AND fence = $2 AND state = 'RUNNING' FOR NO KEY UPDATE",
        )
        .await
    }

    /// The same, and notes that what is committed with it is progress: work that will not be done again.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the lease is held no more.
    pub async fn hold_with_progress(&self, conn: &mut AsyncPgConnection) -> Result<(), StoreError> {
        self.check(
            conn,
            "UPDATE jobs SET barren_attempts = 0 WHERE id = $1 AND fence = $2 AND state = 'RUNNING'",
        )
        .await
    }

    async fn check(&self, conn: &mut AsyncPgConnection, sql: &str) -> Result<(), StoreError> {
        let held = diesel::sql_query(sql)
            .bind::<diesel::sql_types::Uuid, _>(self.job_id.uuid())
            .bind::<BigInt, _>(self.fence)
            .execute(conn)
            .await?;
        if held == 1 {
            Ok(())
        } else {
            Err(StoreError::LeaseLost)
        }
    }

    /// Ends the attempt: the job ends or is put back, and the attempt's row says how. Returns the dispatch number
    /// of a job that was put back.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the lease is held no more: nothing was changed.
    pub async fn settle(
        &self,
        conn: &mut AsyncPgConnection,
        how: &Settled,
    ) -> Result<i32, StoreError> {
        let (state, outcome, wait, failure) = match how {
            Settled::Done => (JobState::Completed, AttemptOutcome::Done, None, None),
            Settled::Snoozed(wait) => {
                (JobState::Queued, AttemptOutcome::Snoozed, Some(*wait), None)
            }
            Settled::Cancelled => (JobState::Cancelled, AttemptOutcome::Cancelled, None, None),
            Settled::Retry(failure, wait) => (
                JobState::Queued,
                AttemptOutcome::Retry,
                Some(*wait),
                Some(failure),
            ),
            Settled::Failed(failure) => (
                JobState::Failed,
                AttemptOutcome::Failed,
                None,
                Some(failure),
            ),
        };
        let error: Option<Value> = failure.map(serde_json::to_value).transpose()?;
        let dispatch_no = conn
            .transaction::<i32, StoreError, _>(async |conn| {
                let row: Option<DispatchRow> = diesel::sql_query(
                    "UPDATE jobs SET state = $3, lease_owner = NULL, lease_until = NULL, dispatch_no = dispatch_no + 1,
                            attempt = attempt - ($4 = 'SNOOZED')::int,
                            barren_attempts = barren_attempts + ($4 = 'RETRY')::int,
                            due_at = now() + coalesce($5, 0) * interval '1 millisecond',
                            error = CASE WHEN $4 = 'SNOOZED' THEN error ELSE $6 END,
                            finished_at = CASE WHEN $5 IS NULL THEN now() END
                     WHERE id = $1 AND fence = $2 AND state = 'RUNNING' RETURNING dispatch_no",
                )
                .bind::<diesel::sql_types::Uuid, _>(self.job_id.uuid())
                .bind::<BigInt, _>(self.fence)
                .bind::<Text, _>(state.as_str())
                .bind::<Text, _>(outcome.as_str())
                .bind::<Nullable<BigInt>, _>(wait.map(millis))
                .bind::<Nullable<Jsonb>, _>(&error)
                .get_result(conn)
                .await
                .optional()?;
                let dispatch_no = row.ok_or(StoreError::LeaseLost)?.dispatch_no;
                diesel::sql_query(
                    "UPDATE job_attempts SET ended_at = now(), outcome = $3, error = $4 WHERE job_id = $1 AND fence = $2",
                )
                .bind::<diesel::sql_types::Uuid, _>(self.job_id.uuid())
                .bind::<BigInt, _>(self.fence)
                .bind::<Text, _>(outcome.as_str())
                .bind::<Nullable<Jsonb>, _>(&error)
                .execute(conn)
                .await?;
                Ok(dispatch_no)
            })
            .await?;
        Ok(dispatch_no)
    }
}

#[derive(QueryableByName)]
struct DispatchRow {
    #[diesel(sql_type = Integer)]
    dispatch_no: i32,
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}
