//! What a run is to do, read before anything is written.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rail_shared::blobs::Destination;
use rail_shared::domain::{Failure, FailureKind, Filter, Origin, RunId};
use rail_shared::formats::FileOptions;
use rail_shared::store::exports::{self, ExportRow};
use rail_shared::store::extract::Source;
use rail_shared::store::{StoreError, Transaction, extract, runs};

use super::naming::Naming;
use crate::destinations;
use crate::runtime::{Attempt, Halt};

/// What a run is to do.
pub(super) struct Plan {
    pub run: RunId,
    pub export: ExportRow,
    pub options: FileOptions,
    pub filter: Option<Filter>,
    pub destination: Destination,
    pub naming: Naming,
}

impl Plan {
    /// None where an earlier attempt did all that there is to do, and died before it could say so.
    pub(super) async fn of(attempt: &Attempt) -> Result<Option<Self>, Halt> {
        let (worker, lease) = (&attempt.worker, &attempt.lease);
        let run: RunId = lease.job_id.into();
        let mut conn = worker.store.connect().await?;
        let accepted = runs::accepted(&mut conn, run).await?;
        if accepted.is_finished {
            return Ok(None);
        }
        let found = match accepted.began_as {
            Some(export) => Some(export),
            None => exports::find(&mut conn, lease.tenant_id, accepted.export_id).await?,
        };
        let export = found.ok_or(StoreError::LeaseLost)?;
        drop(conn);
        let options = FileOptions::stored(&export.options)
            .map_err(|_| misconfigured("The options of this export cannot be read any more."))?;
        let filter = export
            .read_filter()
            .map_err(|_| misconfigured("The filter of this export cannot be read any more."))?;
        let destination = destinations::of_attempt(attempt, &export.destination).await?;
        let (at, existing) = (accepted.at, destination.existing());
        let naming = Naming::new(&export, &options, run, at, existing, lease.fence);
        Ok(Some(Self {
            run,
            export,
            options,
            filter,
            destination,
            naming,
        }))
    }
}

/// What a run reads, as of one view.
pub(super) struct Reading {
    /// As of when.
    pub viewed_at: DateTime<Utc>,
    /// Each entity, in the order of the export.
    pub entities: Vec<(String, Source)>,
    /// About how many records that is.
    pub expected_rows: u64,
    /// Of each entity, the number of the last change.
    pub marks: BTreeMap<String, i64>,
}

impl Reading {
    /// Looks through the view, which it fixes by that.
    pub(super) async fn of(plan: &Plan, view: &mut Transaction) -> Result<Self, Halt> {
        let export = &plan.export;
        let viewed_at = view.began_at().await?;
        let mut reading = Self {
            viewed_at,
            entities: Vec::with_capacity(export.entities.len()),
            expected_rows: 0,
            marks: BTreeMap::new(),
        };
        for (entity, source) in extract::sources(view, export).await? {
            let source = source.ok_or_else(|| not_in_snapshot(&entity))?;
            // A snapshot tells nothing of the changes after it.
            if !matches!(source, Source::Snapshot(_)) {
                let mark = extract::last_change(view, export.tenant_id, &entity).await?;
                reading.marks.insert(entity.clone(), mark);
            }
            reading.expected_rows += extract::estimate(view, &source, plan.filter.as_ref()).await?;
            reading.entities.push((entity, source));
        }
        Ok(reading)
    }
}

fn not_in_snapshot(entity: &str) -> Failure {
    misconfigured(&format!(
        "The snapshot of this export holds no {entity}, or was deleted. Change its snapshotId or its entities."
    ))
}

fn misconfigured(message: &str) -> Failure {
    Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
}
