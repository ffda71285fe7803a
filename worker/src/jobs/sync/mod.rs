//! A sync: walks entities at the vendor, page by page, as many at once as the vendor allows, commits batches of pages, and
//! deletes what a complete walk did not see; or, for a SNAPSHOT, seals the copy that it made.

mod at_once;
mod commit;
mod entity;
mod pages;
mod priority;
mod retrying;
mod singly;
mod stage;
mod sweeping;
mod targeted;
mod walk;

use rail_shared::domain::{Failure, FailureKind, Origin, SyncMode, Tolerance};
use rail_shared::store::records::{self, Walked};
use rail_shared::store::syncs::SyncEntityRow;
use rail_shared::store::{StoreError, connections, snapshots, syncs};

use crate::runtime::{Attempt, Halt};
use entity::{Ended, Job};
pub use pages::BATCH_RECORDS;

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
    let priority = priority::of(&asked, attempt.lease.idle_for);
    let source = attempt.worker.open(&connection)?;
    let source = source.paced(&attempt.worker.budgets, priority);
    let tolerance = asked.tolerance().or(connection.tolerance());
    let targets = asked.targets()?;
    let of = |entity: &SyncEntityRow| {
        let mut targets = targets.iter().flatten();
        targets.find(|targets| targets.entity == entity.entity)
    };
    for entity in entities.iter().filter(|entity| !entity.complete) {
        if let Some(targets) = of(entity) {
            targeted::finish(attempt, &source, &asked, entity, targets).await?;
        }
    }
    let entities: Vec<SyncEntityRow> = entities
        .into_iter()
        .filter(|entity| of(entity).is_none())
        .collect();
    let job = Job {
        attempt,
        source: &source,
        asked: &asked,
        tolerance,
    };
    let work = |entity| Box::pin(entity::finish(&job, entity));
    let ended = at_once::each(&entities, source.parallel(), &attempt.stop, work).await?;
    let (mut refused, mut spoilt) = (Vec::new(), Vec::new());
    for ended in ended {
        match ended {
            Ended::Well => {}
            Ended::Refused(reason) => refused.push(reason),
            Ended::Spoilt(reason) => spoilt.push(reason),
        }
    }
    if !spoilt.is_empty() {
        return Err(Halt::Failed(spoilt_by_errors(&spoilt)));
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Halt::Failed(deletes_refused(&refused)))
}

/// What is to be said where more of what the walk through an entity saw could not be stored than is allowed.
async fn too_many_errors(
    attempt: &Attempt,
    entity: &str,
    tolerance: Tolerance,
) -> Result<Option<String>, Halt> {
    let Some(rate) = tolerance.max_error_rate else {
        return Ok(None);
    };
    let mut conn = attempt.worker.store.connect().await?;
    let sync_id = attempt.lease.job_id.into();
    let Walked { fetched, errors } = records::walked(&mut conn, sync_id, entity).await?;
    let spoilt = !tolerance.allows_errors(errors, fetched);
    Ok(spoilt.then(|| {
        format!(
            "{errors} of {fetched} {entity} could not be stored, more than maxErrorRate {rate} allows."
        )
    }))
}

fn spoilt_by_errors(reasons: &[String]) -> Failure {
    let message = format!(
        "{} What could be stored is stored; the others are listed as record errors.",
        reasons.join(" ")
    );
    Failure::lasting(Origin::Vendor, FailureKind::TooManyRecordErrors, message)
}

fn deletes_refused(reasons: &[String]) -> Failure {
    let message = format!(
        "{} Nothing of that was deleted; what was read is stored. If it is right, ask for a higher maxDeleteFraction in a new FULL \
         sync, or on the connection, and then retry this job as long as no other sync of it was started.",
        reasons.join(" ")
    );
    Failure::lasting(Origin::Vendor, FailureKind::DeletesRefused, message)
}
