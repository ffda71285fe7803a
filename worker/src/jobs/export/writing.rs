//! Writing the entities of a run, one after the other, into files that nobody sees yet.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt;
use rail_shared::blobs::Upload;
use rail_shared::failpoints::step;
use rail_shared::formats::Field;
use rail_shared::store::extract::Source;
use rail_shared::store::{Transaction, extract, runs};

use super::encoding::{Encoding, view_of};
use super::plan::Plan;
use crate::runtime::{Attempt, Halt};

/// Bytes gathered before they are handed to the destination.
const CHUNK_BYTES: usize = 256 * 1024;
/// How often the progress of a run is written.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Rows between two looks at the clock.
pub(super) const ROWS_A_LOOK: u64 = 1_000;

/// What has been written so far.
pub(super) struct Writing<'a> {
    attempt: &'a Attempt,
    plan: &'a Plan,
    rows: u64,
    bytes: u64,
    reported: Instant,
}

/// A file that has all its bytes, and is not visible yet.
pub(super) struct Full {
    pub entity: String,
    pub key: String,
    pub rows: u64,
    /// What its fields hold, where it can be told.
    pub fields: Option<Vec<Field>>,
    pub upload: Upload,
}

impl<'a> Writing<'a> {
    pub(super) fn new(attempt: &'a Attempt, plan: &'a Plan) -> Self {
        Self {
            attempt,
            plan,
            rows: 0,
            bytes: 0,
            reported: Instant::now(),
        }
    }

    /// Writes the file of an entity.
    pub(super) async fn entity(
        &mut self,
        view: &mut Transaction,
        entity: &str,
        source: &Source,
    ) -> Result<Full, Halt> {
        let key = self.plan.naming.file(entity);
        let mut upload = self.plan.destination.begin(&key).await?;
        let mut encoding = Encoding::of(self.attempt, self.plan, entity, source, view).await?;
        let rows_before = self.rows;
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + 8 * 1024);
        encoding.begin(&mut chunk);
        let mut rows = pin!(extract::rows(view, source, self.plan.filter.as_ref()).await?);
        while let Some(row) = rows.try_next().await? {
            encoding.record(&view_of(&row), &mut chunk)?;
            self.rows += 1;
            if chunk.len() >= CHUNK_BYTES {
                self.hand_over(&mut upload, &mut chunk).await?;
            }
            if self.rows.is_multiple_of(ROWS_A_LOOK) && self.reported.elapsed() >= REPORT_EVERY {
                self.report().await?;
            }
        }
        let fields = encoding.finish(&mut chunk)?;
        self.hand_over(&mut upload, &mut chunk).await?;
        Ok(Full {
            entity: entity.to_owned(),
            key,
            rows: self.rows - rows_before,
            fields,
            upload,
        })
    }

    async fn hand_over(&mut self, upload: &mut Upload, chunk: &mut Vec<u8>) -> Result<(), Halt> {
        if self.attempt.stop.is_cancelled() {
            return Err(Halt::Stopping);
        }
        step("a piece of a file is about to be handed over");
        self.bytes += chunk.len() as u64;
        let bytes = Bytes::from(std::mem::replace(
            chunk,
            Vec::with_capacity(CHUNK_BYTES + 8 * 1024),
        ));
        Ok(upload.write(bytes).await?)
    }

    async fn report(&mut self) -> Result<(), Halt> {
        let mut transaction = self.attempt.worker.store.begin().await?;
        runs::report(&mut transaction, &self.attempt.lease, self.rows, self.bytes).await?;
        transaction.commit().await?;
        self.reported = Instant::now();
        Ok(())
    }
}
