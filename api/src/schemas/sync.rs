//! Syncs on the wire, as they are answered.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use poem_openapi::Object;
use rail_shared::domain::{
    self, ConnectionId, JobState, RecordErrorId, SyncId, SyncMode, Targets, Trigger,
};
use rail_shared::store::jobs::JobRow;
use rail_shared::store::syncs::{self, SyncEntityRow, SyncRow};
use serde::Serialize;

use super::failure::JobError;
use super::wire::{Id, Word};
use crate::http::answer::Shown;

/// A run that copies records of a connection into the rail.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Sync {
    /// Identity.
    sync_id: Id<SyncId>,
    /// Of which connection.
    connection_id: Id<ConnectionId>,
    /// Where it stands. COMPLETED also when single records could not be stored: `stats` counts them as errors.
    status: Word<JobState>,
    /// What it reads.
    mode: Word<SyncMode>,
    /// The days it is limited to.
    date_range: Option<DateRange>,
    /// The greatest part of an entity it may delete unasked, where it was asked with its own.
    max_delete_fraction: Option<f64>,
    /// The greatest part of an entity that may be impossible to store, likewise.
    max_error_rate: Option<f64>,
    /// What began it.
    trigger: Word<Trigger>,
    /// The single records it is limited to, by entity: of a retry of record errors, or told by webhook. An entity that is not
    /// among them is read as its mode says; null where that is all of them.
    targets: Option<Vec<SyncTargets>>,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When a worker first began with it.
    started_at: Option<DateTime<Utc>>,
    /// When it ended.
    completed_at: Option<DateTime<Utc>>,
    /// When somebody asked to cancel it. While a worker has it, it is RUNNING until the worker ends it.
    cancel_requested_at: Option<DateTime<Utc>>,
    /// Attempts so far.
    attempt: i32,
    /// Why the last attempt did not succeed.
    error: Option<JobError>,
    /// How far it is.
    progress: Progress,
    /// What became of the records, for each entity.
    stats: BTreeMap<String, EntityStats>,
}

impl Shown for Sync {}

/// Whole days, both included, in UTC.
#[derive(Debug, Serialize, Object)]
pub struct DateRange {
    /// The first day.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
}

/// Single records of an entity.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct SyncTargets {
    /// The entity.
    entity: String,
    /// The vendor's ids of the records.
    ids: Vec<String>,
    /// Record errors without such an id, whose bytes are read again.
    error_ids: Vec<Id<RecordErrorId>>,
}

impl From<Targets> for SyncTargets {
    fn from(targets: Targets) -> Self {
        let Targets {
            entity,
            ids,
            error_ids,
        } = targets;
        Self {
            entity,
            ids,
            error_ids: error_ids.into_iter().map(Id).collect(),
        }
    }
}

/// How far a sync is.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct Progress {
    /// Entities of which all was read.
    entities_completed: usize,
    /// Entities it reads.
    entities_total: usize,
    /// Records read so far.
    records_fetched: i64,
}

/// What became of an entity's records.
#[derive(Debug, Serialize, Object)]
struct EntityStats {
    /// Records that were new; of a SNAPSHOT, those in the copy.
    created: i64,
    /// Records that were changed; of a SNAPSHOT, those that the vendor changed while it was made and that were read twice.
    updated: i64,
    /// Records that could not be stored.
    errors: i64,
    /// Records that are gone: the vendor said so, or its complete list does not hold them any more.
    deleted: i64,
    /// Records that were as before.
    unchanged: i64,
    /// Records read.
    fetched: i64,
}

impl From<syncs::Sync> for Sync {
    fn from(sync: syncs::Sync) -> Self {
        let syncs::Sync {
            asked,
            job,
            entities,
        } = sync;
        let error = JobError::of(&job);
        let targets = asked.targets().unwrap_or_else(|error| {
            tracing::error!(sync.id = %asked.id, %error, "the targets of a sync cannot be read");
            None
        });
        let date_range = asked.date_range().map(DateRange::from);
        let SyncRow {
            id,
            connection_id,
            mode,
            date_from: _,
            date_to: _,
            max_delete_fraction,
            max_error_rate,
            trigger,
            targets: _,
        } = asked;
        let JobRow {
            id: _,
            state,
            attempt,
            error: _,
            created_at,
            started_at,
            finished_at,
            cancel_requested_at,
        } = job;
        let progress = Progress {
            entities_completed: entities.iter().filter(|entity| entity.complete).count(),
            entities_total: entities.len(),
            records_fetched: entities.iter().map(|entity| entity.fetched).sum(),
        };
        Self {
            sync_id: Id(id),
            connection_id: Id(connection_id),
            status: Word(state),
            mode: Word(mode),
            date_range,
            max_delete_fraction,
            max_error_rate,
            trigger: Word(trigger),
            targets: targets.map(|targets| targets.into_iter().map(SyncTargets::from).collect()),
            created_at,
            started_at,
            completed_at: finished_at,
            cancel_requested_at,
            attempt,
            error,
            progress,
            stats: entities.into_iter().map(stats).collect(),
        }
    }
}

fn stats(row: SyncEntityRow) -> (String, EntityStats) {
    let SyncEntityRow {
        sync_id: _,
        entity,
        place: _,
        cursor: _,
        complete: _,
        fetched,
        created,
        updated,
        unchanged,
        deleted,
        vanished,
        errors,
    } = row;
    (
        entity,
        EntityStats {
            created,
            updated,
            errors,
            deleted: deleted + vanished,
            unchanged,
            fetched,
        },
    )
}

impl From<domain::DateRange> for DateRange {
    fn from(range: domain::DateRange) -> Self {
        let domain::DateRange { from, to } = range;
        Self { from, to }
    }
}
