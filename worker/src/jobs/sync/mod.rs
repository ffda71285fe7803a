//! A sync: walks each entity at the vendor, page by page, commits batches of pages, and deletes what a complete walk did
//! not see; or, for a SNAPSHOT, seals the copy that it made.

mod pages;
mod place;
mod sweeping;
mod walk;

use rail_shared::domain::{Failure, FailureKind, Origin, SyncMode};
use rail_shared::store::{StoreError, connections, snapshots, syncs};

use crate::runtime::{Attempt, Halt};
use place::Rest;
use sweeping::Swept;
use walk::Walk;

/// Runs the sync from where its last commit left it.
pub(super) async fn run(attempt: &Attempt) -> Result<(), Halt> {
    let sync_id = attempt.lease.job_id.into();
    let mut conn = attempt.worker.store.connect().await?;
    let asked = syncs::asked(&mut conn, sync_id).await?;
    let connection =
        connections::find(&mut conn, attempt.lease.tenant_id, asked.connection_id).await?;
    // Erasing a connection erases its jobs: whoever finds none lost its lease with it.
    let connection = connection.ok_or(StoreError::LeaseLost)?;
    if asked.mode == SyncMode::Snapshot {
        snapshots::begin(&mut conn, &attempt.lease, connection.id).await?;
    }
    let entities = syncs::entities_of(&mut conn, sync_id).await?;
    drop(conn);
    attempt.uses_credentials(&connection.sealed_credentials);
    let source = attempt.worker.open(&connection)?;
    let tolerance = asked.tolerance().or(connection.tolerance());
    let mut refused = Vec::new();
    for entity in entities.iter().filter(|entity| !entity.complete) {
        let walk = Walk::begin(attempt, &source, &asked, entity).await?;
        match walk.finish().await? {
            Rest::Nothing => {}
            Rest::Seal => walk.seal().await?,
            Rest::Sweep(sweep) => {
                let stream = walk.stream();
                match sweeping::finish(attempt, stream, &entity.entity, sweep, tolerance).await? {
                    Swept::Clean => {}
                    Swept::Refused(reason) => refused.push(reason),
                }
            }
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Halt::Failed(deletes_refused(&refused)))
}

fn deletes_refused(reasons: &[String]) -> Failure {
    let message = format!(
        "{} Nothing of that was deleted; what was read is stored. If it is right, ask for a higher maxDeleteFraction on the \
         connection and retry this job, or in a new FULL sync.",
        reasons.join(" ")
    );
    Failure::lasting(Origin::Vendor, FailureKind::DeletesRefused, message)
}
