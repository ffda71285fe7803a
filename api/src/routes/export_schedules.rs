//! When exports run by themselves.

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use rail_shared::domain::ExportId;
use serde::Serialize;

use super::{BASE, Tag};
use crate::connections::Wish;
use crate::exports;
use crate::http::answer::{Found, Shown};
use crate::http::auth::Caller;
use crate::http::refusal::{Finds, ListsWithin, Refusal};
use crate::schemas::export::Export;
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on schedules of exports.
#[derive(Debug, Default)]
pub struct ExportSchedules;

#[OpenApi(prefix_path = BASE, tag = "Tag::Exports")]
impl ExportSchedules {
    /// Preview when an export runs.
    ///
    /// The next due times by its schedule, paused or not: also across changes of the clocks.
    #[oai(
        path = "/exports/:exportId/schedule/preview",
        method = "get",
        operation_id = "previewExportSchedule"
    )]
    async fn preview(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which export.
        #[oai(name = "exportId")]
        id: Path<Id<ExportId>>,
        /// So many due times.
        #[oai(
            default = "usual_count",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        count: Query<u16>,
        /// Those after this instant; now when left out.
        after: Query<Option<DateTime<Utc>>>,
    ) -> Result<Found<SchedulePreview>, Refusal<ListsWithin>> {
        let row = exports::find(&mut api.store.connect().await?, &caller, id.0.0).await?;
        let mut runs_at = Vec::new();
        if let Some(schedule) = row.read_schedule() {
            let mut from = after.0.unwrap_or_else(|| api.clock.now());
            for _ in 0..count.0 {
                from = schedule.next_after(from);
                if from == DateTime::<Utc>::MAX_UTC {
                    break;
                }
                runs_at.push(from);
            }
        }
        Ok(Found::new(SchedulePreview { runs_at }))
    }

    /// Pause an export.
    ///
    /// It does not run by itself until it is resumed; it can be run on request, and a run that is under way goes on. One that
    /// is paused stays so.
    #[oai(
        path = "/exports/:exportId/pause",
        method = "post",
        operation_id = "pauseExport"
    )]
    async fn pause(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which export.
        #[oai(name = "exportId")]
        id: Path<Id<ExportId>>,
    ) -> Result<Found<Export>, Refusal<Finds>> {
        let row = exports::wish(api, &caller, id.0.0, Wish::Pause).await?;
        Ok(exports::tagged(row))
    }

    /// Resume an export.
    ///
    /// It runs by itself again, next at the first due time from now on: what was due meanwhile is not made up for.
    #[oai(
        path = "/exports/:exportId/resume",
        method = "post",
        operation_id = "resumeExport"
    )]
    async fn resume(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which export.
        #[oai(name = "exportId")]
        id: Path<Id<ExportId>>,
    ) -> Result<Found<Export>, Refusal<Finds>> {
        let row = exports::wish(api, &caller, id.0.0, Wish::Resume).await?;
        Ok(exports::tagged(row))
    }
}

fn usual_count() -> u16 {
    20
}

/// When an export runs by itself.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct SchedulePreview {
    /// In order; empty without a schedule.
    runs_at: Vec<DateTime<Utc>>,
}

impl Shown for SchedulePreview {}
