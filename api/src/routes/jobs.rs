//! Jobs: the work behind syncs and runs.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use rail_shared::domain::{JobId, JobKind, JobState};
use rail_shared::store::job_lists::{self, Only};

use super::{BASE, Tag};
use crate::http::answer::{Accepted, Found, Listed};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::refusal::{Finds, Fits, Lists, Refusal};
use crate::jobs;
use crate::schemas::cursor::{default_limit, next, page_ask};
use crate::schemas::job::{Job, JobInFull};
use crate::schemas::wire::{Id, Word};
use crate::state::Api;

/// Attempts that are shown of a job.
const ATTEMPTS: i64 = 100;

/// The operations on jobs.
#[derive(Debug, Default)]
pub struct Jobs;

#[OpenApi(prefix_path = BASE, tag = "Tag::Jobs")]
impl Jobs {
    /// List jobs.
    ///
    /// Newest first. With `status=FAILED`: what will not be tried again by itself.
    #[oai(path = "/jobs", method = "get", operation_id = "listJobs")]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Only in this status.
        status: Query<Option<Word<JobState>>>,
        /// Only of this kind.
        kind: Query<Option<Word<JobKind>>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<Job>, Refusal<Lists>> {
        let ask = page_ask::<JobId>(limit.0, cursor.0.as_deref())?;
        let only = Only {
            kind: kind.0.map(|word| word.0),
            state: status.0.map(|word| word.0),
        };
        let mut conn = api.store.connect().await?;
        let listed = job_lists::list(&mut conn, caller.tenant(), only, ask).await?;
        let next = next(&listed, |job| job.row.id);
        Ok(Listed::of(listed.rows, next))
    }

    /// Get a job.
    ///
    /// Where it stands, what it is for, and how its attempts ended.
    #[oai(path = "/jobs/:jobId", method = "get", operation_id = "getJob")]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which job.
        #[oai(name = "jobId")]
        id: Path<Id<JobId>>,
    ) -> Result<Found<JobInFull>, Refusal<Finds>> {
        // In one view: an attempt that ended since would stand beside a job that is still running.
        let mut view = api.store.glance().await?;
        let found = job_lists::find(&mut view, caller.tenant(), id.0.0).await?;
        let job = found.ok_or_else(|| Problem::not_found("job"))?;
        let attempts = job_lists::attempts(&mut view, &job, ATTEMPTS).await?;
        Ok(Found::new((job, attempts)))
    }

    /// Retry a job that failed.
    ///
    /// It waits for a worker again and goes on from what it last committed. Only a FAILED job can be retried: another is
    /// refused with 409 `not-failed`. A sync is refused as at its start while its connection has another active sync or
    /// is not fit to be synced.
    #[oai(
        path = "/jobs/:jobId/retry",
        method = "post",
        operation_id = "retryJob"
    )]
    async fn retry(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which job.
        #[oai(name = "jobId")]
        id: Path<Id<JobId>>,
    ) -> Result<Accepted<Job>, Refusal<Fits>> {
        let job = jobs::retry(api, &caller, id.0.0).await?;
        Ok(Accepted::new(job).at(format!("{BASE}/jobs/{}", id.0.0)))
    }
}
