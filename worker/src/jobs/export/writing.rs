//! Writing the entities of a run, one after the other, into files that nobody sees yet.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::try_join;
use rail_shared::blobs::Upload;
use rail_shared::domain::Failure;
use rail_shared::failpoints::step;
use rail_shared::formats::Field;
use rail_shared::store::extract::Source;
use rail_shared::store::{StoreError, Transaction, runs};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::spawn_blocking;

use super::batches::{self, WAITING};
use super::encoding::{Encoding, Ended, Piece};
use super::plan::Plan;
use crate::runtime::{Attempt, Halt};

/// How often the progress of a run is written.
const REPORT_EVERY: Duration = Duration::from_secs(1);

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
        let before = (self.rows, self.bytes);
        let key = self.plan.naming.file(entity);
        let encoding = Encoding::of(self.plan, entity, source, view).await?;
        let (mut upload, mut ended) = self.file(view, &key, source, encoding).await?;
        if let Ended::Surprised(fields) = ended {
            upload.abort().await;
            (self.rows, self.bytes) = before;
            let encoding = Encoding::knowing(self.plan, entity, fields)?;
            (upload, ended) = self.file(view, &key, source, encoding).await?;
        }
        // The others may take long.
        upload.seal().await?;
        let fields = match ended {
            Ended::Whole(fields) => fields,
            Ended::Surprised(_) => return Err(Failure::internal().into()),
        };
        Ok(Full {
            entity: entity.to_owned(),
            key,
            rows: self.rows - before.0,
            fields,
            upload,
        })
    }

    /// Reads, encodes and writes at the same time: what one brings waits a little for the next.
    async fn file(
        &mut self,
        view: &mut Transaction,
        key: &str,
        source: &Source,
        encoding: Encoding,
    ) -> Result<(Upload, Ended), Halt> {
        let mut upload = self.plan.destination.begin(key).await?;
        let (batches, to_encode) = mpsc::channel(WAITING);
        let (pieces, to_write) = mpsc::channel(WAITING);
        let encoded = spawn_blocking(move || encoding.run(to_encode, &pieces));
        let read = batches::read(self.plan, source, view, batches);
        try_join!(read, self.write(&mut upload, to_write))?;
        let ended = encoded.await.map_err(|_| Failure::internal())??;
        Ok((upload, ended))
    }

    async fn write(
        &mut self,
        upload: &mut Upload,
        mut pieces: Receiver<Piece>,
    ) -> Result<(), Halt> {
        while let Some(Piece { rows, bytes }) = pieces.recv().await {
            if !bytes.is_empty() {
                step("a piece of a file is about to be handed over");
                self.bytes += bytes.len() as u64;
                upload.write(Bytes::from(bytes)).await?;
            }
            self.rows += rows;
            if self.reported.elapsed() >= REPORT_EVERY {
                self.report().await?;
                self.reported = Instant::now();
            }
        }
        Ok(())
    }

    /// Writes how far the run is, as well as possible: hours of work are not given up for it.
    async fn report(&self) -> Result<(), Halt> {
        let reported = async {
            let mut transaction = self.attempt.worker.store.begin().await?;
            runs::report(&mut transaction, &self.attempt.lease, self.rows, self.bytes).await?;
            transaction.commit().await
        };
        match reported.await {
            Err(StoreError::LeaseLost) => Err(StoreError::LeaseLost.into()),
            Err(error) => {
                tracing::warn!(%error, "how far the run is could not be written");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
