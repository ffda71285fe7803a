//! One entity of a sync, from where its last commit left it to its end.

use rail_shared::connectors::Source;
use rail_shared::domain::Tolerance;
use rail_shared::store::syncs::{SyncEntityRow, SyncRow};

use super::stage::Rest;
use super::sweeping::Swept;
use super::walk::Walk;
use super::{retrying, sweeping, too_many_errors};
use crate::runtime::{Attempt, Halt};

/// What all entities of a sync share.
pub(super) struct Job<'a> {
    pub attempt: &'a Attempt,
    pub source: &'a Source,
    pub asked: &'a SyncRow,
    pub tolerance: Tolerance,
}

/// How an entity ended that was read.
pub(super) enum Ended {
    Well,
    /// What was missing was not deleted: too much of it; in words.
    Refused(String),
    /// Too much of it could not be stored; in words.
    Spoilt(String),
}

/// Reads it, and does what is left to do then.
pub(super) async fn finish(job: &Job<'_>, entity: &SyncEntityRow) -> Result<Ended, Halt> {
    let Job {
        attempt,
        source,
        asked,
        tolerance,
    } = *job;
    let mut walk = None;
    let mut rest = Rest::Nothing;
    if !entity.complete {
        let begun = Walk::begin(attempt, source, asked, entity, tolerance).await?;
        rest = begun.finish().await?;
        walk = Some(begun);
    }
    if let Some(reason) = too_many_errors(attempt, &entity.entity, tolerance).await? {
        return Ok(Ended::Spoilt(reason));
    }
    let Some(walk) = walk else {
        return Ok(Ended::Well);
    };
    if let Rest::Retry(retrying) = rest {
        let stream = walk.stream();
        let sweep = retrying::finish(attempt, source, &entity.entity, stream, retrying);
        rest = sweep.await?.into();
    }
    match rest {
        Rest::Nothing | Rest::Retry(_) => {}
        Rest::Seal => walk.seal().await?,
        Rest::Sweep(sweep) => {
            let stream = walk.stream();
            let swept = sweeping::finish(attempt, stream, &entity.entity, sweep, tolerance);
            if let Swept::Refused(reason) = swept.await? {
                return Ok(Ended::Refused(reason));
            }
        }
    }
    Ok(Ended::Well)
}
