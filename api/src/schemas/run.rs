//! Runs of exports on the wire.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{ExportId, JobState, RunId};
use rail_shared::store::jobs::JobRow;
use rail_shared::store::runs::{self, MANIFEST, RunRow};
use serde::Serialize;

use super::failure::JobError;
use super::wire::{Id, Word};
use crate::http::answer::Shown;

/// One run of an export.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct ExportRun {
    /// Identity.
    run_id: Id<RunId>,
    /// Of which export.
    export_id: Id<ExportId>,
    /// Where it stands.
    status: Word<JobState>,
    /// When it was asked for, or accepted because it was due.
    created_at: DateTime<Utc>,
    /// The due time of the schedule that it stands for; absent where somebody asked for it.
    due_at: Option<DateTime<Utc>>,
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
    /// Records written so far.
    rows: i64,
    /// About how many it will have written.
    expected_rows: Option<i64>,
    /// Bytes written so far.
    bytes: i64,
    /// As of when the records are: one instant for all files.
    viewed_at: Option<DateTime<Utc>>,
    /// The files, once all are whole.
    files: Vec<ExportFile>,
    /// Where the manifest is, which lists them with what their fields hold; it is written last.
    manifest: Option<String>,
}

impl Shown for ExportRun {}

/// One file of a run.
#[derive(Debug, Serialize, Object)]
struct ExportFile {
    /// The entity in it.
    entity: String,
    /// Where it is: a path, or `s3://bucket/key`.
    path: String,
    /// Records in it.
    rows: u64,
    /// Its size.
    bytes: u64,
    /// The SHA-256 of its bytes, hexadecimal.
    sha256: String,
}

impl From<runs::Run> for ExportRun {
    fn from(run: runs::Run) -> Self {
        let runs::Run {
            row,
            job,
            files,
            beside,
        } = run;
        let manifest = beside.into_iter().find(|file| file.entity == MANIFEST);
        let error = JobError::of(&job);
        let RunRow {
            id,
            export_id,
            rows,
            bytes,
            destination: _,
            expected_rows,
            viewed_at,
            due_at,
            files: _,
            beside: _,
        } = row;
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
        Self {
            run_id: Id(id),
            export_id: Id(export_id),
            status: Word(state),
            created_at,
            due_at,
            started_at,
            completed_at: finished_at,
            cancel_requested_at,
            attempt,
            error,
            rows,
            // Postgres guesses, and low where it has not counted yet.
            expected_rows: expected_rows.map(|expected| expected.max(rows)),
            bytes,
            viewed_at,
            files: files.into_iter().map(ExportFile::from).collect(),
            manifest: manifest.map(|file| file.location),
        }
    }
}

impl From<runs::RunFile> for ExportFile {
    fn from(file: runs::RunFile) -> Self {
        let runs::RunFile {
            entity,
            key: _,
            location,
            rows,
            bytes,
            sha256,
        } = file;
        Self {
            entity,
            path: location,
            rows,
            bytes,
            sha256,
        }
    }
}
