//! Why work did not succeed.

use poem_openapi::Object;
use rail_shared::domain::{Failure, FailureKind, Origin};
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
        let failure = job.failure().unwrap_or_else(|error| {
            tracing::error!(job.id = %job.id, %error, "a stored failure cannot be read");
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
