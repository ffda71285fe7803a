//! A run that is being worked on: what it goes by, how far it is, what it left behind.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::{MANIFEST, RunFile};
use crate::domain::{ExportId, JobState, RunId};
use crate::store::exports::ExportRow;
use crate::store::schema::{export_runs, jobs};
use crate::store::{Lease, StoreError};

/// What was accepted as a run.
#[derive(Debug, Clone)]
pub struct AcceptedRun {
    /// Of which export.
    pub export_id: ExportId,
    /// When it was asked for, or due.
    pub at: DateTime<Utc>,
    /// The export as the run began with it, where it began before.
    pub began_as: Option<ExportRow>,
    /// Whether [`finish`] was heard: what is left is to say that it is over.
    pub is_finished: bool,
}

/// A run that is being worked on.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the run is gone: it was erased with its export.
pub async fn accepted(conn: &mut AsyncPgConnection, id: RunId) -> Result<AcceptedRun, StoreError> {
    type Found = (
        Uuid,
        DateTime<Utc>,
        Option<DateTime<Utc>>,
        Option<Value>,
        Value,
    );
    let found: Option<Found> = export_runs::table
        .inner_join(jobs::table)
        .filter(export_runs::id.eq(id.uuid()))
        .select((
            export_runs::export_id,
            jobs::created_at,
            export_runs::due_at,
            export_runs::definition,
            export_runs::beside,
        ))
        .first(conn)
        .await
        .optional()?;
    let (export_id, created_at, due_at, definition, beside) = found.ok_or(StoreError::LeaseLost)?;
    let beside: Vec<RunFile> = serde_json::from_value(beside)?;
    Ok(AcceptedRun {
        export_id: export_id.into(),
        at: due_at.unwrap_or(created_at),
        // One that another version wrote and this one cannot read is as if it had not begun.
        began_as: definition.and_then(|row| serde_json::from_value(row).ok()),
        is_finished: beside.iter().any(|file| file.entity == MANIFEST),
    })
}

/// Where the next incremental run of an export begins: of each entity, the number of the last change that the newest
/// completed run saw. Empty before the first.
///
/// # Errors
/// When the database refuses.
pub async fn marks(
    conn: &mut AsyncPgConnection,
    export: ExportId,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let marks: Option<Value> = export_runs::table
        .inner_join(jobs::table)
        .filter(
            export_runs::export_id
                .eq(export.uuid())
                .and(jobs::state.eq(JobState::Completed.as_str())),
        )
        .order(export_runs::id.desc())
        .select(export_runs::marks)
        .first(conn)
        .await
        .optional()?;
    Ok(match marks {
        Some(marks) => serde_json::from_value(marks)?,
        None => BTreeMap::new(),
    })
}

/// What is known of a run once it looked at what it will read.
#[derive(Debug)]
pub struct Begun<'a> {
    /// The export that it goes by until it is over.
    pub export: &'a ExportRow,
    /// As of when it reads.
    pub viewed_at: DateTime<Utc>,
    /// About how many records it will write.
    pub expected_rows: u64,
    /// How far it reads the changes of each entity.
    pub marks: &'a BTreeMap<String, i64>,
}

/// Writes how a run begins. To be called in a transaction.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn begin(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    begun: &Begun<'_>,
) -> Result<(), StoreError> {
    lease.hold(conn).await?;
    diesel::update(export_runs::table.find(lease.job_id.uuid()))
        .set((
            export_runs::rows.eq(0),
            export_runs::bytes.eq(0),
            export_runs::destination.eq(&begun.export.destination),
            export_runs::definition.eq(serde_json::to_value(begun.export)?),
            export_runs::viewed_at.eq(begun.viewed_at),
            export_runs::expected_rows.eq(number(begun.expected_rows)),
            export_runs::marks.eq(serde_json::to_value(begun.marks)?),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes how far a run is. To be called in a transaction.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn report(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    rows: u64,
    bytes: u64,
) -> Result<(), StoreError> {
    lease.hold(conn).await?;
    diesel::update(export_runs::table.find(lease.job_id.uuid()))
        .set((
            export_runs::rows.eq(number(rows)),
            export_runs::bytes.eq(number(bytes)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that a run is about to write to these places, where files of other runs may be: from now on they are its own. To be
/// called in a transaction.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn replace(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    places: &[String],
) -> Result<(), StoreError> {
    lease.hold(conn).await?;
    diesel::update(export_runs::table.find(lease.job_id.uuid()))
        .set(
            export_runs::replacing.eq(export_runs::replacing.concat(serde_json::to_value(places)?)),
        )
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes what a run left behind, once all of it is whole. To be called in a transaction.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the lease is held no more.
pub async fn finish(
    conn: &mut AsyncPgConnection,
    lease: &Lease,
    files: &[RunFile],
    beside: &[RunFile],
) -> Result<(), StoreError> {
    let rows = files.iter().map(|file| file.rows).sum();
    let bytes = files.iter().map(|file| file.bytes).sum();
    report(conn, lease, rows, bytes).await?;
    diesel::update(export_runs::table.find(lease.job_id.uuid()))
        .set((
            export_runs::files.eq(serde_json::to_value(files)?),
            export_runs::beside.eq(serde_json::to_value(beside)?),
            export_runs::definition.eq(None::<Value>),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
