//! Jobs on the wire.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{
    AttemptOutcome, ConnectionId, ExportId, JobId, JobKind, JobState, RunId, SyncId,
};
use rail_shared::store::job_lists::{self, AttemptRow, Purpose};
use rail_shared::store::jobs::JobRow;
use serde::Serialize;

use super::failure::JobError;
use super::wire::{Id, Word};
use crate::http::answer::Shown;

/// The work behind a sync or a run.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Job {
    /// Identity.
    job_id: Id<JobId>,
    /// What it does.
    kind: Word<JobKind>,
    /// Where it stands.
    status: Word<JobState>,
    /// Attempts so far.
    attempt: i32,
    /// Why the last attempt did not succeed.
    error: Option<JobError>,
    /// When it may be worked on, where it is QUEUED; else when it might have been.
    due_at: DateTime<Utc>,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When a worker first began with it.
    started_at: Option<DateTime<Utc>>,
    /// When it ended.
    finished_at: Option<DateTime<Utc>>,
    /// When somebody asked to cancel it.
    cancel_requested_at: Option<DateTime<Utc>>,
    /// The connection of a sync.
    connection_id: Option<Id<ConnectionId>>,
    /// The sync that it runs.
    sync_id: Option<Id<SyncId>>,
    /// The export of a run.
    export_id: Option<Id<ExportId>>,
    /// The run that it makes.
    run_id: Option<Id<RunId>>,
}

impl Shown for Job {}

impl From<job_lists::Job> for Job {
    fn from(job: job_lists::Job) -> Self {
        let job_lists::Job {
            row,
            due_at,
            purpose,
        } = job;
        let error = JobError::of(&row);
        let JobRow {
            id,
            state,
            attempt,
            error: _,
            created_at,
            started_at,
            finished_at,
            cancel_requested_at,
        } = row;
        let (connection_id, export_id) = match purpose {
            Purpose::Sync(connection) => (Some(Id(connection)), None),
            Purpose::Export(export) => (None, Some(Id(export))),
        };
        Self {
            job_id: Id(id),
            kind: Word(purpose.kind()),
            status: Word(state),
            attempt,
            error,
            due_at,
            created_at,
            started_at,
            finished_at,
            cancel_requested_at,
            sync_id: connection_id.map(|_| Id(id.into())),
            connection_id,
            run_id: export_id.map(|_| Id(id.into())),
            export_id,
        }
    }
}

/// A job with its attempts.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct JobInFull {
    #[serde(flatten)]
    #[oai(flatten)]
    job: Job,
    /// The last 100 attempts at it, newest first.
    attempts: Vec<Attempt>,
}

impl Shown for JobInFull {}

impl From<(job_lists::Job, Vec<AttemptRow>)> for JobInFull {
    fn from((job, attempts): (job_lists::Job, Vec<AttemptRow>)) -> Self {
        let id = job.row.id;
        Self {
            job: job.into(),
            attempts: attempts
                .into_iter()
                .map(|attempt| Attempt::of(id, attempt))
                .collect(),
        }
    }
}

/// One attempt at a job.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
struct Attempt {
    /// Its number. One that spent none (it was put off, or its worker stopped) has the number of the next.
    attempt: i32,
    /// The worker that made it.
    worker: String,
    /// When it began.
    started_at: DateTime<Utc>,
    /// When it ended.
    ended_at: Option<DateTime<Utc>>,
    /// How it ended.
    outcome: Option<Word<AttemptOutcome>>,
    /// Why it did not succeed.
    error: Option<JobError>,
}

impl Attempt {
    fn of(job: JobId, row: AttemptRow) -> Self {
        let outcome = row.outcome().unwrap_or_else(|error| {
            tracing::error!(job.id = %job, %error, "a stored outcome cannot be read");
            None
        });
        let error = JobError::of_attempt(job, &row);
        Self {
            attempt: row.attempt,
            worker: row.worker,
            started_at: row.started_at,
            ended_at: row.ended_at,
            outcome: outcome.map(Word),
            error,
        }
    }
}
