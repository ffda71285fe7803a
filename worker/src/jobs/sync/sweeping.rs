//! The end of a complete walk: what it did not see is deleted, unless that is too much to be true.

use std::time::Instant;

use rail_shared::domain::Tolerance;
use rail_shared::failpoints::step;
use rail_shared::store::sweep::{self, Missing, Verdict, Walked};

use super::stage::{Stage, Sweep, write};
use crate::runtime::{Attempt, Halt};

/// How a sweep ended.
pub(super) enum Swept {
    /// What was missing is deleted, and the entity complete.
    Clean,
    /// So much is missing that nothing was deleted; in words.
    Refused(String),
}

/// Decides, and deletes a chunk at a time.
pub(super) async fn finish(
    attempt: &Attempt,
    stream_id: i64,
    entity: &str,
    sweep: Sweep,
    tolerance: Tolerance,
) -> Result<Swept, Halt> {
    let (store, lease) = (&attempt.worker.store, &attempt.lease);
    let walked = Walked {
        sync_id: lease.job_id.into(),
        tenant_id: lease.tenant_id,
        entity,
        stream_id,
        began_at: sweep.began_at,
    };
    // A job that failed may be retried after others ran.
    if sweep::is_outdated(&mut *store.connect().await?, walked.sync_id).await? {
        return Ok(Swept::Refused(format!(
            "Another sync ran since {entity} was read, so what was missing then may be there."
        )));
    }
    let decided = write(&Stage::Sweeping {
        sweeping: Sweep {
            decided: true,
            ..sweep
        },
    })?;
    if !sweep.decided {
        let _turn = attempt.turn().await;
        let begun = Instant::now();
        let allowed = |found: Missing| tolerance.allows_deleting(found.missing, found.present);
        let found = match sweep::weigh(store, lease, &walked, &decided, allowed).await? {
            Verdict::Delete(found) => found,
            Verdict::Refuse(found) => {
                return Ok(Swept::Refused(format!(
                    "{} of {} {entity} are missing from the vendor's complete list, more than maxDeleteFraction allows.",
                    found.missing, found.present
                )));
            }
        };
        attempt.made_progress(begun);
        if found.missing == 0 {
            return Ok(Swept::Clean);
        }
    }
    loop {
        let turn = attempt.turn().await;
        let begun = Instant::now();
        let more = sweep::delete_some(store, lease, &walked, &decided).await?;
        drop(turn);
        if !more {
            return Ok(Swept::Clean);
        }
        step("a part of what was not seen is deleted");
        attempt.made_progress(begun);
        if attempt.stop.is_cancelled() {
            return Err(Halt::Stopping);
        }
    }
}
