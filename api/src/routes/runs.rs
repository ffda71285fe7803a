//! Runs of an export.

use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use rail_shared::domain::{ExportId, JobKind, JobState, RunId};
use rail_shared::queue::Ring;
use rail_shared::store::job_lists::Purpose;
use rail_shared::store::runs::{self, Run};

use super::{BASE, Tag};
use crate::exports;
use crate::http::answer::{Accepted, Found, Listed};
use crate::http::auth::Caller;
use crate::http::idempotency::{Entry, IdempotencyKey, Once, Stop};
use crate::http::problem::Problem;
use crate::http::refusal::{Begins, Finds, Fits, ListsWithin, Refusal, Repeats};
use crate::jobs;
use crate::schemas::cursor::{default_limit, next, page_ask};
use crate::schemas::export::DryRun;
use crate::schemas::run::ExportRun;
use crate::schemas::wire::Id;
use crate::state::Api;
use crate::webhooks;

/// The operations on runs.
#[derive(Debug, Default)]
pub struct Runs;

#[OpenApi(prefix_path = BASE, tag = "Tag::Exports")]
impl Runs {
    /// Run an export now.
    ///
    /// Accepted at once and run by a worker; follow it at the Location.
    #[oai(
        path = "/exports/:exportId/run",
        method = "post",
        operation_id = "runExport"
    )]
    async fn start(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which export.
        #[oai(name = "exportId")]
        export_id: Path<Id<ExportId>>,
        /// Makes it safe to repeat the request: within 24 hours the same one with the same key does nothing again and gets
        /// the first answer. Another request with the key is refused with 422 `idempotency-key-reused`.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Once<Accepted<ExportRun>>, Refusal<Begins>> {
        let started = async {
            let entry = key.enter(api, &caller, None).await?;
            accept(api, &caller, export_id.0.0, &entry).await
        };
        Ok(started.await.or_else(Stop::answer)?)
    }

    /// Try what an export would write.
    ///
    /// Counts the records that a run would write now, without writing any: exactly, and as of one instant. Where that takes
    /// more than 20 seconds: 503 `takes-too-long`.
    #[oai(
        path = "/exports/:exportId/dry-run",
        method = "post",
        operation_id = "dryRunExport"
    )]
    async fn dry_run(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which export.
        #[oai(name = "exportId")]
        export_id: Path<Id<ExportId>>,
    ) -> Result<Found<DryRun>, Refusal<Fits>> {
        Ok(Found::new(
            exports::dry_run(api, &caller, export_id.0.0).await?,
        ))
    }

    /// List the runs of an export.
    ///
    /// Newest first.
    #[oai(
        path = "/exports/:exportId/runs",
        method = "get",
        operation_id = "listExportRuns"
    )]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which export.
        #[oai(name = "exportId")]
        export_id: Path<Id<ExportId>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<ExportRun>, Refusal<ListsWithin>> {
        let ask = page_ask::<RunId>(limit.0, cursor.0.as_deref())?;
        let mut conn = api.store.connect().await?;
        let export = exports::find(&mut conn, &caller, export_id.0.0).await?;
        let listed = runs::list(&mut conn, caller.tenant(), export.id, ask).await?;
        let next = next(&listed, |run| run.row.id);
        Ok(Listed::of(listed.rows, next))
    }

    /// Get a run of an export.
    ///
    /// Where it stands, and the files it left behind.
    #[oai(
        path = "/exports/:exportId/runs/:runId",
        method = "get",
        operation_id = "getExportRun"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which export.
        #[oai(name = "exportId")]
        export_id: Path<Id<ExportId>>,
        /// Which run.
        #[oai(name = "runId")]
        run_id: Path<Id<RunId>>,
    ) -> Result<Found<ExportRun>, Refusal<Finds>> {
        let mut conn = api.store.connect().await?;
        let found = runs::find(&mut conn, caller.tenant(), export_id.0.0, run_id.0.0).await?;
        Ok(Found::new(found.ok_or_else(|| Problem::not_found("run"))?))
    }

    /// Try a run of an export again.
    ///
    /// Accepts a new run in place of one that FAILED or was CANCELLED, by the export as it is now. Any other is refused with
    /// 409 `not-failed`.
    #[oai(
        path = "/exports/:exportId/runs/:runId/retry",
        method = "post",
        operation_id = "retryExportRun"
    )]
    async fn retry(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which export.
        #[oai(name = "exportId")]
        export_id: Path<Id<ExportId>>,
        /// Which run.
        #[oai(name = "runId")]
        run_id: Path<Id<RunId>>,
        /// Makes it safe to repeat the request: within 24 hours the same one with the same key does nothing again and gets
        /// the first answer. Another request with the key is refused with 422 `idempotency-key-reused`.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Once<Accepted<ExportRun>>, Refusal<Repeats>> {
        let (export, id) = (export_id.0.0, run_id.0.0);
        let started = async {
            let entry = key.enter(api, &caller, None).await?;
            let mut conn = api.store.connect().await?;
            let found = runs::find(&mut conn, caller.tenant(), export, id).await?;
            drop(conn);
            let run = found.ok_or_else(|| Problem::not_found("run"))?;
            if let Some(problem) = not_over(&run) {
                return Err(problem.into());
            }
            accept(api, &caller, export, &entry).await
        };
        Ok(started.await.or_else(Stop::answer)?)
    }

    /// Cancel a run of an export.
    ///
    /// One that only waits is CANCELLED at once; one that runs is ended by its worker within seconds and leaves no manifest,
    /// and no files but those that were visible by then. Asking again while that is under way is answered the same; a run
    /// that has ended is refused with 409 `already-ended`.
    #[oai(
        path = "/exports/:exportId/runs/:runId/cancel",
        method = "post",
        operation_id = "cancelExportRun"
    )]
    async fn cancel(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Of which export.
        #[oai(name = "exportId")]
        export_id: Path<Id<ExportId>>,
        /// Which run.
        #[oai(name = "runId")]
        run_id: Path<Id<RunId>>,
    ) -> Result<Accepted<ExportRun>, Refusal<Fits>> {
        let (export, id) = (export_id.0.0, run_id.0.0);
        let not_found = || Problem::not_found("run");
        let mut transaction = api.store.begin().await?;
        let found = runs::find(&mut transaction, caller.tenant(), export, id).await?;
        found.ok_or_else(not_found)?;
        let listening = jobs::cancel(
            &mut transaction,
            &caller,
            Purpose::Export(export),
            id.into(),
        )
        .await?;
        let asked = runs::find(&mut transaction, caller.tenant(), export, id).await?;
        transaction.commit().await?;
        webhooks::wake(api, &listening).await;
        Ok(Accepted::new(asked.ok_or_else(not_found)?).at(location_of(export, id)))
    }
}

fn not_over(run: &Run) -> Option<Problem> {
    let is_over = matches!(run.job.state, JobState::Failed | JobState::Cancelled);
    (!is_over).then(|| {
        let detail = format!(
            "Only a run that FAILED or was CANCELLED is tried again; this one is {}.",
            run.job.state
        );
        Problem::new(StatusCode::CONFLICT, "not-failed", detail)
    })
}

fn location_of(export: ExportId, run: RunId) -> String {
    format!("{BASE}/exports/{export}/runs/{run}")
}

async fn accept(
    api: &Api,
    caller: &Caller,
    id: ExportId,
    entry: &Entry<'_>,
) -> Result<Once<Accepted<ExportRun>>, Stop> {
    let mut transaction = entry.begin_single().await?;
    let (at, actor) = (api.clock.now(), caller.actor());
    let run = runs::accept(
        &mut transaction,
        caller.tenant(),
        id,
        at,
        runs::Cause::Asked(actor),
    )
    .await?;
    let run = run.ok_or_else(|| Problem::not_found("export"))?;
    let run_id = run.row.id;
    let accepted = Accepted::new(run).at(location_of(id, run_id));
    let answer = entry.commit(transaction, accepted).await?;
    let ring = Ring::new(run_id.into(), caller.tenant(), 0);
    api.ringer.ring(JobKind::Export, ring);
    Ok(answer)
}
