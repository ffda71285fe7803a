//! An export run: reads each entity under one view and writes it as one file; nothing is visible before all is whole.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt;
use rail_shared::blobs::{Destination, Upload};
use rail_shared::domain::{ExportFormat, Failure, FailureKind, Filter, Origin, RunId};
use rail_shared::formats::{
    CsvEncoder, CsvOptions, Encoder, FormatError, Formulas, RecordView, columns_of,
};
use rail_shared::store::exports::{self, ExportRow};
use rail_shared::store::runs::{self, RunFile};
use rail_shared::store::{StoreError, Transaction, extract, streams};

use crate::runtime::{Attempt, Halt};

/// Bytes gathered before they are handed to the destination.
const CHUNK_BYTES: usize = 256 * 1024;
/// How often the progress of a run is written.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Rows between two looks at the clock.
const ROWS_A_LOOK: u64 = 1_000;

/// Runs the export from its beginning: bytes that came from two views would not belong together.
pub(super) async fn run(attempt: &Attempt) -> Result<(), Halt> {
    let run_id: RunId = attempt.lease.job_id.into();
    let worker = &attempt.worker;
    let mut conn = worker.store.connect().await?;
    let export_id = runs::export_of(&mut conn, run_id).await?;
    let export = exports::find(&mut conn, attempt.lease.tenant_id, export_id).await?;
    let export = export.ok_or(StoreError::LeaseLost)?;
    drop(conn);
    let filter = filter_of(&export)?;
    let destination = Destination::configured(&export.destination, &worker.outputs)?;

    let mut view = worker.store.view().await?;
    let mut writing = Writing::new(attempt);
    let mut files = Vec::with_capacity(export.entities.len());
    for entity in &export.entities {
        let key = file_key(entity, run_id, attempt.lease.fence, export.format);
        let rows_before = writing.rows;
        let upload = writing
            .entity(
                &mut view,
                &export,
                entity,
                filter.as_ref(),
                destination.begin(&key).await?,
            )
            .await?;
        files.push((entity, key, writing.rows - rows_before, upload));
    }
    drop(view);

    let mut whole = Vec::with_capacity(files.len());
    for (entity, key, rows, upload) in files {
        let written = upload.finish().await.map_err(under_another_name)?;
        let location = destination.locate(&key);
        whole.push(RunFile {
            entity: entity.clone(),
            key,
            location,
            rows,
            bytes: written.bytes,
            sha256: written.sha256,
        });
    }
    writing.report(&whole).await
}

/// Names the run, so that nothing of an earlier one is touched; and the claim, when it is not the first, since what a
/// dead worker left behind is not overwritten either.
fn file_key(entity: &str, run: RunId, fence: i64, format: ExportFormat) -> String {
    let again = if fence > 1 {
        format!("-{fence}")
    } else {
        String::new()
    };
    format!("{entity}-{run}{again}.{}", format.as_str().to_lowercase())
}

/// A file that is there already can only be our own, whole, its answer lost on the way: the next attempt writes under
/// its own name.
fn under_another_name(mut failure: Failure) -> Failure {
    failure.retryable |= failure.kind == FailureKind::Refused;
    failure
}

fn filter_of(export: &ExportRow) -> Result<Option<Filter>, Failure> {
    let Some(given) = &export.filter else {
        return Ok(None);
    };
    let filter = Filter::parse(&given.to_string(), "/filter");
    filter.map(Some).map_err(|_| {
        Failure::lasting(
            Origin::Configuration,
            FailureKind::Misconfigured,
            "The filter of this export cannot be read any more.",
        )
    })
}

/// What has been written so far.
struct Writing<'a> {
    attempt: &'a Attempt,
    rows: u64,
    bytes: u64,
    reported: Instant,
}

impl<'a> Writing<'a> {
    fn new(attempt: &'a Attempt) -> Self {
        Self {
            attempt,
            rows: 0,
            bytes: 0,
            reported: Instant::now(),
        }
    }

    async fn entity(
        &mut self,
        view: &mut Transaction,
        export: &ExportRow,
        entity: &str,
        filter: Option<&Filter>,
        mut upload: Upload,
    ) -> Result<Upload, Halt> {
        let streams = streams::holding(view, export.tenant_id, entity, None).await?;
        let columns = columns_of(extract::keys(view, &streams, filter).await?);
        let mut encoder = encoder(export, columns)?;
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + 8 * 1024);
        encoder.begin(&mut chunk);
        let mut rows = pin!(extract::rows(view, &streams, filter).await?);
        while let Some(row) = rows.try_next().await? {
            let record = RecordView {
                external_id: &row.external_id,
                payload: &row.payload,
                created_at: row.source_created_at,
                updated_at: row.source_updated_at,
            };
            encoder
                .record(&record, &mut chunk)
                .map_err(|error| unwritable(&error))?;
            self.rows += 1;
            if chunk.len() >= CHUNK_BYTES {
                self.hand_over(&mut upload, &mut chunk).await?;
            }
            if self.rows.is_multiple_of(ROWS_A_LOOK) && self.reported.elapsed() >= REPORT_EVERY {
                self.report(&[]).await?;
            }
        }
        encoder
            .finish(&mut chunk)
            .map_err(|error| unwritable(&error))?;
        self.hand_over(&mut upload, &mut chunk).await?;
        Ok(upload)
    }

    async fn hand_over(&mut self, upload: &mut Upload, chunk: &mut Vec<u8>) -> Result<(), Halt> {
        if self.attempt.stop.is_cancelled() {
            return Err(Halt::Stopping);
        }
        self.bytes += chunk.len() as u64;
        let bytes = Bytes::from(std::mem::replace(
            chunk,
            Vec::with_capacity(CHUNK_BYTES + 8 * 1024),
        ));
        Ok(upload.write(bytes).await?)
    }

    async fn report(&mut self, files: &[RunFile]) -> Result<(), Halt> {
        let mut transaction = self.attempt.worker.store.begin().await?;
        runs::report(
            &mut transaction,
            &self.attempt.lease,
            self.rows,
            self.bytes,
            files,
        )
        .await?;
        transaction.commit().await?;
        self.reported = Instant::now();
        Ok(())
    }
}

fn unwritable(error: &FormatError) -> Failure {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "stored records cannot be written"
    );
    Failure::internal()
}

fn encoder(export: &ExportRow, columns: Vec<String>) -> Result<Encoder, Failure> {
    match export.format {
        ExportFormat::Csv => {
            let guarded = export
                .options
                .get("guardFormulas")
                .and_then(serde_json::Value::as_bool);
            let formulas = if guarded == Some(true) {
                Formulas::Guarded
            } else {
                Formulas::Verbatim
            };
            Ok(Encoder::Csv(CsvEncoder::new(
                columns,
                CsvOptions {
                    formulas,
                    ..CsvOptions::default()
                },
            )))
        }
        ExportFormat::Json | ExportFormat::Parquet | ExportFormat::Xml => {
            let message = format!(
                "The format {} is not available in this version.",
                export.format
            );
            Err(Failure::lasting(
                Origin::Configuration,
                FailureKind::Misconfigured,
                message,
            ))
        }
    }
}
