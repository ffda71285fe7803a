//! The kinds of jobs: one file each, and here the one screen that knows them all.

mod export;
mod sync;

use std::time::Duration;

use rail_shared::domain::{FailureKind, JobKind};
use rail_shared::store::{Settled, StoreError, connections, exports, runs};

use crate::runtime::{Attempt, Halt, Outcome};

/// Does the work of a claimed job. `None` when the lease was lost.
pub(crate) async fn run(attempt: &Attempt) -> Option<Outcome> {
    let worked = match attempt.lease.kind {
        JobKind::Sync => Box::pin(sync::run(attempt)).await,
        JobKind::Export => Box::pin(export::run(attempt)).await,
    };
    match worked {
        Ok(()) => Some(Outcome::Done),
        Err(halt) => {
            if let Halt::Store(error) = &halt {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "the store stopped the work"
                );
            }
            halt.outcome()
        }
    }
}

/// Writes how an attempt ended, and what follows from it, in one transaction.
///
/// What follows is written first: connections before jobs is the order in which a connection is erased, and two
/// transactions that lock in one order never wait for each other in a circle.
pub(crate) async fn settle(attempt: &Attempt, how: &Settled) -> Result<(), StoreError> {
    let lease = &attempt.lease;
    let mut how = how.clone();
    let mut transaction = attempt.worker.store.begin().await?;
    match (lease.kind, &how, lease.connection_id) {
        (JobKind::Sync, Settled::Done, Some(connection)) => {
            connections::note_synced(&mut transaction, connection).await?;
        }
        (JobKind::Sync, Settled::Failed(failure), Some(connection))
            if failure.kind == FailureKind::CredentialsRejected =>
        {
            let used = attempt.credentials_used();
            let reason = &failure.message;
            if !connections::reject_credentials(&mut transaction, connection, used, reason).await? {
                // They were replaced while the attempt went on: the next one uses the new ones.
                how = Settled::Retry(failure.clone(), Duration::ZERO);
            }
        }
        (JobKind::Export, Settled::Done, _) => {
            let export = runs::export_of(&mut transaction, lease.job_id.into()).await?;
            exports::note_run(&mut transaction, export).await?;
        }
        _ => {}
    }
    lease.settle(&mut transaction, &how).await?;
    transaction.commit().await
}
