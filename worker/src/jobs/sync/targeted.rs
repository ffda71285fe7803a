//! A sync of single records: each is read by its id, or out of what was kept of it.

use rail_shared::connectors::Source;
use rail_shared::domain::{FailureKind, Targets};
use rail_shared::store::records::Seen;
use rail_shared::store::streams;
use rail_shared::store::syncs::{SyncEntityRow, SyncRow};

use super::singly::{Brought, Singly, code_of};
use super::stage::{Stage, read};
use crate::runtime::{Attempt, Halt};

/// Attempts that a record is given by a vendor that is not available for it; then that is its error, and the others have
/// their turn.
const ATTEMPTS: i32 = 3;

/// Reads the records of one entity from where the last commit left it.
pub(super) async fn finish(
    attempt: &Attempt,
    source: &Source,
    sync: &SyncRow,
    entity: &SyncEntityRow,
    targets: &Targets,
) -> Result<(), Halt> {
    let mut conn = attempt.worker.store.connect().await?;
    let tenant = attempt.lease.tenant_id;
    let stream = streams::ensure(&mut conn, tenant, sync.connection_id, &entity.entity).await?;
    drop(conn);
    let begin = match entity.cursor.as_ref().map(read).transpose()? {
        Some(Stage::Targeted { targeted }) => targeted,
        _ => 0,
    };
    let mut singly = Singly {
        attempt,
        source,
        entity: &entity.entity,
        stream_id: stream.id,
        seen: Seen::Forgotten,
        brought: Brought::default(),
    };
    for at in begin..targets.len() {
        let stage = Stage::Targeted { targeted: at };
        if attempt.stop.is_cancelled() {
            singly.commit(Some(stage)).await?;
            return Err(Halt::Stopping);
        }
        if singly.is_ripe() {
            singly.commit(Some(stage.clone())).await?;
        }
        let Some(id) = targets.ids.get(at) else {
            let error = at - targets.ids.len();
            singly
                .read_errors(&targets.error_ids[error..=error])
                .await?;
            continue;
        };
        if !source.reads_one(&entity.entity) {
            singly.read_kept(id).await?;
            continue;
        }
        if let Err(failure) = singly.read(id).await {
            let given_up = at == begin && attempt.lease.barren_attempts + 1 >= ATTEMPTS;
            let waits = failure.kind == FailureKind::Unavailable && !given_up;
            match code_of(&failure) {
                Some(code) if !waits => singly.refuse(id, code, failure.message),
                _ => {
                    if at > begin {
                        singly.commit(Some(stage)).await?;
                    }
                    return Err(failure.into());
                }
            }
        }
    }
    singly.commit(None).await
}
