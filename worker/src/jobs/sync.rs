//! A sync: walks each entity at the vendor, page by page, and commits batches of pages.

use std::pin::pin;

use rail_shared::connectors::{Ask, Checkpoint, Cursor, Page, Source};
use rail_shared::failpoints::step;
use rail_shared::store::records::{self, Batch};
use rail_shared::store::streams::{self, StreamRow};
use rail_shared::store::syncs::{self, SyncEntityRow, SyncRow};
use rail_shared::store::{StoreError, connections};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::pages::Pages;
use crate::runtime::{Attempt, Halt};

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
        let mut pages = Pages::default();
        let mut cursor = Some(self.cursor.clone());
        while let Some(at) = &cursor {
            let page = self.next(at, &mut pages).await?;
            step("a page is read");
            cursor = page.next.clone();
            pages.push(page);
        }
        self.commit(&mut pages).await
    }

    /// Reads one page, and meanwhile commits those before it when they are ripe. They are committed also when no page
    /// comes: because the process is stopping, or because the vendor fails.
    async fn next(&self, cursor: &Cursor, pages: &mut Pages) -> Result<Page, Halt> {
        let mut fetch = pin!(self.source.read(self.entity, cursor));
        let mut fetched = None;
        loop {
            if pages.are_ripe() {
                let mut commit = pin!(self.commit(pages));
                loop {
                    tokio::select! {
                        committed = &mut commit => break committed?,
                        page = &mut fetch, if fetched.is_none() => fetched = Some(page),
                    }
                }
            }
            match fetched.take() {
                Some(Ok(page)) => return Ok(page),
                Some(Err(failure)) => {
                    self.commit(pages).await?;
                    return Err(failure.into());
                }
                None => {}
            }
            let ripe_at = pages.ripe_at();
            tokio::select! {
                biased;
                () = self.attempt.stop.cancelled() => {
                    self.commit(pages).await?;
                    return Err(Halt::Stopping);
                }
                page = &mut fetch => fetched = Some(page),
                () = tokio::time::sleep_until(ripe_at.unwrap_or_else(Instant::now)), if ripe_at.is_some() => {}
            }
        }
    }

    async fn commit(&self, pages: &mut Pages) -> Result<(), Halt> {
        let Some(last) = pages.last() else {
            return Ok(());
        };
        let cursor = last.next.as_ref().map(write).transpose()?;
        let checkpoint = last.checkpoint.as_ref().map(write).transpose()?;
        let batch = Batch {
            sync_id: self.sync.id,
            entity: self.entity,
            stream_id: self.stream.id,
            records: &pages.records()?,
            ties: pages.ties(),
            read_from: last.read_from,
            rejected: &pages.rejected(),
            cursor: cursor.as_ref(),
            checkpoint: checkpoint.as_ref(),
        };
        let store = &self.attempt.worker.store;
        let counts = records::commit(store, &self.attempt.lease, &batch).await?;
        step("a batch is committed");
        self.attempt.made_progress();
        tracing::debug!(entity = self.entity, ?counts, "committed");
        pages.clear();
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(stored: &Value) -> Result<T, StoreError> {
    Ok(T::deserialize(stored)?)
}

fn write(position: &impl Serialize) -> Result<Value, StoreError> {
    Ok(serde_json::to_value(position)?)
}
