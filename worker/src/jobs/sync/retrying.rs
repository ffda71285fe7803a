//! After a walk: records with open errors that it did not bring are read by themselves. What goes wrong there fails no sync.

use rail_shared::connectors::Source;
use rail_shared::domain::FailureKind;
use rail_shared::store::record_errors;
use rail_shared::store::records::Seen;

use super::singly::{Brought, Singly, code_of};
use super::stage::{Retrying, Stage, Sweep};
use crate::runtime::{Attempt, Halt};

/// Errors that one run retries of an entity; the oldest first, the others with the next.
const AT_MOST: i64 = 1_000;
/// Errors that are looked up at once.
const CHUNK: i64 = 100;
/// After so many records for which the vendor was not available, the others are left to the next run.
const UNAVAILABLE: u32 = 3;

/// Retries; returns what is still to be swept.
pub(super) async fn finish(
    attempt: &Attempt,
    source: &Source,
    entity: &str,
    stream_id: i64,
    mut retrying: Retrying,
) -> Result<Option<Sweep>, Halt> {
    let mut singly = Singly {
        attempt,
        source,
        entity,
        stream_id,
        seen: match retrying.then {
            Some(_) => Seen::Remembered,
            None => Seen::Forgotten,
        },
        brought: Brought::default(),
    };
    let mut unavailable = 0;
    'all: loop {
        let at_most = CHUNK.min(AT_MOST - retrying.tried);
        let mut conn = attempt.worker.store.connect().await?;
        let (sync, after) = (attempt.lease.job_id.into(), retrying.after);
        let left = record_errors::left_by_walk(&mut conn, stream_id, sync, after, at_most).await?;
        drop(conn);
        let is_last = left.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
        for (error, id) in left {
            if attempt.stop.is_cancelled() {
                singly.commit(Some(Stage::Retrying { retrying })).await?;
                return Err(Halt::Stopping);
            }
            if let Err(failure) = singly.read(&id).await {
                let Some(code) = code_of(&failure) else {
                    singly.commit(Some(Stage::Retrying { retrying })).await?;
                    return Err(failure.into());
                };
                unavailable += u32::from(failure.kind == FailureKind::Unavailable);
                singly.refuse(&id, code, failure.message);
            }
            retrying.after = Some(error);
            retrying.tried += 1;
            if unavailable >= UNAVAILABLE {
                break 'all;
            }
            if singly.is_ripe() {
                singly.commit(Some(Stage::Retrying { retrying })).await?;
            }
        }
        if is_last || retrying.tried >= AT_MOST {
            break;
        }
    }
    let sweep = retrying.then.map(|sweeping| Stage::Sweeping { sweeping });
    singly.commit(sweep).await?;
    Ok(retrying.then)
}
