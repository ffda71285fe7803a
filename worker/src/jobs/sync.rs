//! A sync: walks each entity at the vendor, page by page, and commits batches of pages.

use rail_shared::connectors::{Ask, Checkpoint, Cursor, Page, Source};
use rail_shared::domain::{Failure, FailureKind, Origin, Ties};
use rail_shared::store::records::{self, Batch, NewRecord, NewRecordError};
use rail_shared::store::streams::{self, StreamRow};
use rail_shared::store::syncs::{self, SyncEntityRow, SyncRow};
use rail_shared::store::{StoreError, connections};
use serde::Serialize;
use serde_json::Value;

use crate::runtime::{Attempt, Halt};

/// Records in a transaction, about: enough to make it cheap, few enough to lose little and to answer a stop soon.
const BATCH_RECORDS: usize = 1_000;
/// Bytes in a transaction, about.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Runs the sync from where its last commit left it.
pub(super) async fn run(attempt: &Attempt) -> Result<(), Halt> {
    let sync_id = attempt.lease.job_id.into();
    let mut conn = attempt.worker.store.connect().await?;
    let asked = syncs::asked(&mut conn, sync_id).await?;
    let connection =
        connections::find(&mut conn, attempt.lease.tenant_id, asked.connection_id).await?;
    // Erasing a connection erases its jobs: whoever finds none lost its lease with it.
    let connection = connection.ok_or(StoreError::LeaseLost)?;
    let entities = syncs::entities_of(&mut conn, sync_id).await?;
    drop(conn);
    attempt.uses_credentials(&connection.sealed_credentials);
    let source = attempt.worker.open(&connection)?;
    for entity in entities.iter().filter(|entity| !entity.complete) {
        Walk::begin(attempt, &source, &asked, entity)
            .await?
            .finish()
            .await?;
    }
    Ok(())
}

/// One entity on its way.
struct Walk<'a> {
    attempt: &'a Attempt,
    source: &'a Source,
    sync: &'a SyncRow,
    entity: &'a str,
    stream: StreamRow,
    cursor: Cursor,
}

impl<'a> Walk<'a> {
    async fn begin(
        attempt: &'a Attempt,
        source: &'a Source,
        sync: &'a SyncRow,
        entity: &'a SyncEntityRow,
    ) -> Result<Self, Halt> {
        let mut conn = attempt.worker.store.connect().await?;
        let tenant = attempt.lease.tenant_id;
        let stream = streams::ensure(&mut conn, tenant, sync.connection_id, &entity.entity).await?;
        let cursor = match &entity.cursor {
            Some(stored) => read(stored)?,
            None => {
                let ask = Ask {
                    mode: sync.mode,
                    window: sync.date_range().map(|range| range.window()),
                    checkpoint: stream
                        .checkpoint
                        .as_ref()
                        .map(read::<Checkpoint>)
                        .transpose()?,
                    now: attempt.worker.clock.now(),
                };
                source.plan(&entity.entity, &ask)?
            }
        };
        Ok(Self {
            attempt,
            source,
            sync,
            entity: &entity.entity,
            stream,
            cursor,
        })
    }

    /// Reads to the end. While a batch is being committed the page after it is already being fetched.
    async fn finish(self) -> Result<(), Halt> {
        let mut pages: Vec<Page> = Vec::new();
        let mut fetched = Some(self.source.read(self.entity, &self.cursor).await?);
        while let Some(page) = fetched {
            let next = page.next.clone();
            let last = next.is_none();
            pages.push(page);
            let fetch = async {
                match &next {
                    Some(cursor) => self.source.read(self.entity, cursor).await.map(Some),
                    None => Ok(None),
                }
            };
            let stopping = self.attempt.stop.is_cancelled();
            if last || stopping || is_full(&pages) {
                let commit = self.commit(&pages);
                if stopping && !last {
                    commit.await?;
                    return Err(Halt::Stopping);
                }
                let (committed, after) = tokio::join!(commit, fetch);
                committed?;
                pages.clear();
                fetched = after?;
            } else {
                match fetch.await {
                    Ok(after) => fetched = after,
                    Err(failure) => {
                        // What was read before the failure is not read again.
                        self.commit(&pages).await?;
                        return Err(failure.into());
                    }
                }
            }
        }
        Ok(())
    }

    async fn commit(&self, pages: &[Page]) -> Result<(), Halt> {
        let Some(last) = pages.last() else {
            return Ok(());
        };
        let cursor = last.next.as_ref().map(write).transpose()?;
        let checkpoint = last.checkpoint.as_ref().map(write).transpose()?;
        let records: Vec<NewRecord<'_>> = pages
            .iter()
            .flat_map(|page| &page.records)
            .map(new_record)
            .collect::<Result<_, _>>()?;
        let rejected: Vec<NewRecordError<'_>> = pages
            .iter()
            .flat_map(|page| &page.rejected)
            .map(|rejected| NewRecordError {
                external_id: rejected.external_id.as_deref(),
                code: rejected.code,
                message: &rejected.message,
                payload: &rejected.payload,
            })
            .collect();
        let batch = Batch {
            sync_id: self.sync.id,
            entity: self.entity,
            stream_id: self.stream.id,
            records: &records,
            ties: ties_of(pages),
            read_from: last.read_from,
            rejected: &rejected,
            cursor: cursor.as_ref(),
            checkpoint: checkpoint.as_ref(),
        };
        let mut conn = self.attempt.worker.store.connect().await?;
        let counts = records::commit(&mut conn, &self.attempt.lease, &batch).await?;
        self.attempt.made_progress();
        tracing::debug!(
            entity = self.entity,
            pages = pages.len(),
            ?counts,
            "committed"
        );
        Ok(())
    }
}

/// A batch keeps what is stored as soon as one of its pages may hold older versions.
fn ties_of(pages: &[Page]) -> Ties {
    if pages.iter().any(|page| page.ties == Ties::KeepStored) {
        Ties::KeepStored
    } else {
        Ties::TakeNew
    }
}

fn is_full(pages: &[Page]) -> bool {
    let records: usize = pages
        .iter()
        .map(|page| page.records.len() + page.rejected.len())
        .sum();
    let bytes: usize = pages
        .iter()
        .flat_map(|page| &page.records)
        .map(|record| record.body.len())
        .sum();
    records >= BATCH_RECORDS || bytes >= BATCH_BYTES
}

fn new_record(record: &rail_shared::connectors::Record) -> Result<NewRecord<'_>, Failure> {
    Ok(NewRecord {
        external_id: &record.external_id,
        payload: std::str::from_utf8(&record.body).map_err(|_| {
            let message = format!("The record {} is not UTF-8.", record.external_id);
            Failure::lasting(Origin::Vendor, FailureKind::MalformedAnswer, message)
        })?,
        fingerprint: record.fingerprint.to_bytes(),
        created_at: record.created_at,
        updated_at: record.updated_at,
        as_of: record.as_of,
        presence: record.presence,
    })
}

fn read<T: serde::de::DeserializeOwned>(stored: &Value) -> Result<T, StoreError> {
    Ok(T::deserialize(stored)?)
}

fn write(position: &impl Serialize) -> Result<Value, StoreError> {
    Ok(serde_json::to_value(position)?)
}
