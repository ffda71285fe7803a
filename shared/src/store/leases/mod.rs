//! The right to work on a job: how it is claimed, kept, checked and given up.

mod claim;
mod keep;
mod settle;

use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use super::statement::statement;
use crate::domain::{ConnectionId, JobId, JobKind, TenantId};

pub use claim::{Claimed, claim};
pub use keep::{Kept, keep};
pub use settle::{Settled, Standing, settle};

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
    /// How long nothing was committed for the job, waits included, when it was claimed.
    pub idle_for: Duration,
    /// Whether somebody asked to cancel the job before it was claimed.
    pub cancelled: bool,
    /// How long it lasts each time it is lengthened.
    pub length: Duration,
}

impl Lease {
    /// Holds the job's row until the transaction ends: the first statement of every transaction that writes for a job.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the lease is held no more.
    pub async fn hold(&self, conn: &mut AsyncPgConnection) -> Result<(), StoreError> {
        let held = statement(
            "SELECT FROM jobs WHERE id = $1 AND fence = $2 AND state = 'RUNNING' FOR NO KEY UPDATE",
        )
        .bind::<diesel::sql_types::Uuid, _>(self.job_id.uuid())
        .bind::<BigInt, _>(self.fence)
        .execute(conn)
        .await?;
        one(held)
    }

    /// The same, and notes that what is committed with it is progress: work that will not be done again. It also lengthens
    /// the lease, because the heartbeat passes over a row that is held, and a job that commits all the time always holds it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the lease is held no more.
    pub async fn hold_with_progress(&self, conn: &mut AsyncPgConnection) -> Result<(), StoreError> {
        let held = statement(
            "UPDATE jobs SET barren_attempts = 0, progress_at = now(),
                    lease_until = greatest(lease_until, now() + $3 * interval '1 millisecond')
             WHERE id = $1 AND fence = $2 AND state = 'RUNNING'",
        )
        .bind::<diesel::sql_types::Uuid, _>(self.job_id.uuid())
        .bind::<BigInt, _>(self.fence)
        .bind::<BigInt, _>(millis(self.length))
        .execute(conn)
        .await?;
        one(held)
    }
}

/// That a write found the row whose lease it needs.
pub(in crate::store) fn one(held: usize) -> Result<(), StoreError> {
    if held == 1 {
        Ok(())
    } else {
        Err(StoreError::LeaseLost)
    }
}

/// As statements take a time.
pub(in crate::store) fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}
