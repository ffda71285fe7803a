//! Why work did not succeed.

use poem_openapi::Object;
use rail_shared::domain::{Failure, FailureKind, JobId, Origin};
use rail_shared::store::StoreError;
use rail_shared::store::job_lists::AttemptRow;
use rail_shared::store::jobs::JobRow;
use serde::Serialize;

use super::wire::Word;

/// Why the last attempt did not succeed.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct JobError {
    /// Who is at fault.
    origin: Word<Origin>,
    /// What went wrong.
    kind: Word<FailureKind>,
    /// Whether the same may succeed later; then it is tried again.
    retryable: bool,
    /// What happened and what to do.
    message: String,
}

impl JobError {
    /// Why a job's last attempt did not succeed.
    pub fn of(job: &JobRow) -> Option<Self> {
        Self::read(job.id, job.failure())
    }

    /// Why an attempt at a job did not succeed.
    pub fn of_attempt(job: JobId, attempt: &AttemptRow) -> Option<Self> {
        Self::read(job, attempt.failure())
    }

    fn read(job: JobId, stored: Result<Option<Failure>, StoreError>) -> Option<Self> {
        let failure = stored.unwrap_or_else(|error| {
            tracing::error!(job.id = %job, %error, "a stored failure cannot be read");
            Some(Failure::internal())
        });
        failure.map(Self::from)
    }
}

impl From<Failure> for JobError {
    fn from(failure: Failure) -> Self {
        let Failure {
            origin,
            kind,
            retryable,
            message,
            retry_after: _,
        } = failure;
        Self {
            origin: Word(origin),
            kind: Word(kind),
            retryable,
            message,
        }
    }
}
