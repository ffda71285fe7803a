//! The walk through one entity at the vendor.

use std::pin::pin;

use rail_shared::connectors::{Ask, Checkpoint, Coverage, Cursor, Page, Source};
use rail_shared::domain::{SyncMode, Tolerance};
use rail_shared::failpoints::step;
use rail_shared::store::records::{Batch, GoesOn, Read, Seen, Versions};
use rail_shared::store::snapshots::{self, Making, Part};
use rail_shared::store::streams::{self, StreamRow};
use rail_shared::store::syncs::{SyncEntityRow, SyncRow};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::commit::commit;
use super::pages::{Fetched, Pages, bytes_of};
use super::stage::{Rest, Retrying, Stage, Sweep, read, write};
use crate::runtime::{Attempt, Halt, Room};

/// One entity on its way.
pub(super) struct Walk<'a> {
    attempt: &'a Attempt,
    source: &'a Source,
    sync: &'a SyncRow,
    entity: &'a str,
    stream: StreamRow,
    /// What complete walks had read when this attempt began: no other sync of the connection changes it meanwhile.
    known: Checkpoint,
    /// Of a snapshot: what it fills in place of the stream.
    part: Option<Part>,
    stage: Stage,
    tolerance: Tolerance,
}

impl<'a> Walk<'a> {
    pub(super) async fn begin(
        attempt: &'a Attempt,
        source: &'a Source,
        sync: &'a SyncRow,
        entity: &'a SyncEntityRow,
        tolerance: Tolerance,
    ) -> Result<Self, Halt> {
        let mut conn = attempt.worker.store.connect().await?;
        let tenant = attempt.lease.tenant_id;
        let stream = streams::ensure(&mut conn, tenant, sync.connection_id, &entity.entity).await?;
        let known: Checkpoint = stream
            .checkpoint
            .as_ref()
            .map(read)
            .transpose()?
            .unwrap_or_default();
        let stage = match &entity.cursor {
            Some(stored) => read(stored)?,
            None => {
                let ask = Ask {
                    mode: sync.mode,
                    window: sync.date_range().map(|range| range.window()),
                    checkpoint: known.clone(),
                    now: attempt.worker.clock.now(),
                };
                Stage::Reading(Box::new(source.plan(&entity.entity, &ask)?))
            }
        };
        drop(conn);
        let part = match sync.mode {
            SyncMode::Snapshot => {
                let (store, lease) = (&attempt.worker.store, &attempt.lease);
                Some(snapshots::open_part(store, lease, stream.id).await?)
            }
            SyncMode::Full | SyncMode::Incremental => None,
        };
        Ok(Self {
            attempt,
            source,
            sync,
            entity: &entity.entity,
            stream,
            known,
            part,
            stage,
            tolerance,
        })
    }

    /// The stream it fills.
    pub(super) fn stream(&self) -> i64 {
        self.stream.id
    }

    /// Reads to the end; returns what is left to do then. Pages are read ahead while those before them are committed.
    pub(super) async fn finish(&self) -> Result<Rest, Halt> {
        let first = match &self.stage {
            Stage::Sweeping { sweeping } => return Ok(Rest::Sweep(*sweeping)),
            Stage::Retrying { retrying } => return Ok(Rest::Retry(*retrying)),
            Stage::Sealing { .. } => return Ok(Rest::Seal),
            // Of a sync of single records, which does not walk.
            Stage::Targeted { .. } => return Ok(Rest::Nothing),
            Stage::Reading(cursor) => Cursor::clone(cursor),
        };
        let room = self.attempt.worker.memory.room();
        let (sender, receiver) = unbounded_channel();
        let mut reading = pin!(self.read(first, &room, sender));
        let mut writing = pin!(self.write(receiver, &room));
        tokio::select! {
            biased;
            // Before the reader only where it failed.
            written = &mut writing => written,
            read = &mut reading => {
                // What was read is committed also where no more comes.
                let rest = writing.await?;
                read.map(|()| rest)
            }
        }
    }

    /// Seals what it filled, where that is a part of a snapshot.
    pub(super) async fn seal(&self) -> Result<(), Halt> {
        let Some(part) = self.part else {
            return Ok(());
        };
        let making = Making {
            sync_id: self.sync.id,
            entity: self.entity,
            part,
        };
        let _turn = self.attempt.turn().await;
        let begun = std::time::Instant::now();
        snapshots::seal(&self.attempt.worker.store, &self.attempt.lease, &making).await?;
        self.attempt.made_progress(begun);
        Ok(())
    }

    /// What is left to do once this page is committed: something where it ends a walk that read everything.
    fn rest_after(&self, page: &Page) -> Rest {
        match (&page.next, self.part, page.coverage) {
            (Some(_), ..) => Rest::Nothing,
            (None, Some(_), _) => Rest::Seal,
            (None, None, Coverage::Everything { began_at }) => Rest::Sweep(Sweep {
                began_at,
                decided: false,
            }),
            (None, None, Coverage::Some) => Rest::Nothing,
        }
    }

    /// The same where the stream has open errors: a walk through all of it, or of all that changed, retries those that it did
    /// not bring. One through a part says nothing about the others.
    fn retry_after(&self, page: &Page) -> Option<Rest> {
        let whole = self.part.is_none() && self.sync.date_range().is_none();
        let retries = page.next.is_none() && whole && self.source.reads_one(self.entity);
        retries.then(|| {
            Rest::Retry(Retrying {
                then: match self.rest_after(page) {
                    Rest::Sweep(sweep) => Some(sweep),
                    Rest::Nothing | Rest::Retry(_) | Rest::Seal => None,
                },
                ..Retrying::default()
            })
        })
    }

    /// Hands over page after page, as long as there is room for them.
    async fn read<'r>(
        &self,
        first: Cursor,
        room: &'r Room,
        pages: UnboundedSender<Fetched<'r>>,
    ) -> Result<(), Halt> {
        let mut cursor = Some(first);
        while let Some(at) = &cursor {
            let reading = async {
                room.for_another().await;
                let begun = Instant::now();
                (self.source.read(self.entity, at).await, begun.elapsed())
            };
            let (page, took) = tokio::select! {
                biased;
                () = self.attempt.stop.cancelled() => return Err(Halt::Stopping),
                read = reading => read,
            };
            let page = page?;
            step("a page is read");
            cursor = page.next.clone();
            let reserved = room.reserve(bytes_of(&page));
            // Nobody listens once the writer has failed, which says why.
            let _ = pages.send(Fetched {
                page,
                took,
                reserved,
            });
        }
        Ok(())
    }

    /// Commits pages as they become ripe, and at the end what is left; returns what is left to do then.
    async fn write<'r>(
        &self,
        mut fetched: UnboundedReceiver<Fetched<'r>>,
        room: &'r Room,
    ) -> Result<Rest, Halt> {
        let mut pages = Pages::default();
        let mut rest = Rest::Nothing;
        loop {
            if pages.are_ripe(self.attempt.worker.batch_records, room.batch_bytes()) {
                rest = self.commit(&mut pages).await?;
            }
            let ripe_at = pages.ripe_at();
            tokio::select! {
                biased;
                next = fetched.recv() => match next {
                    Some(next) => pages.push(next),
                    None => break,
                },
                () = tokio::time::sleep_until(ripe_at.unwrap_or_else(Instant::now)), if ripe_at.is_some() => {}
            }
        }
        if pages.last().is_some() {
            rest = self.commit(&mut pages).await?;
        }
        Ok(rest)
    }

    /// Commits the pages; returns what is left to do then.
    async fn commit(&self, pages: &mut Pages<'_>) -> Result<Rest, Halt> {
        let Some(last) = pages.last() else {
            return Ok(Rest::Nothing);
        };
        let (rest, retry_rest) = (self.rest_after(last), self.retry_after(last));
        let stage = match &last.next {
            Some(cursor) => Some(Stage::Reading(Box::new(cursor.clone()))),
            None => rest.stage(),
        };
        let stage = stage.as_ref().map(write).transpose()?;
        let retry = retry_rest.and_then(Rest::stage);
        let retry = retry.as_ref().map(write).transpose()?;
        let gain = last.gain.as_ref();
        let checkpoint = gain.map(|gain| write(&self.known.with(gain))).transpose()?;
        let batch = Batch {
            sync_id: self.sync.id,
            versions: Versions {
                tenant_id: self.attempt.lease.tenant_id,
                entity: self.entity,
                stream_id: self.stream.id,
                sync_id: Some(self.sync.id),
                records: &pages.records()?,
                ties: pages.ties(),
                read_from: last.read_from,
            },
            gone: &[],
            read: Read::InPages,
            rejected: &pages.rejected(),
            resolved: &[],
            cursor: stage.as_ref(),
            retry: retry.as_ref(),
            tolerance: self.tolerance,
            reading: pages.reading(),
            checkpoint: checkpoint.as_ref(),
            seen: match (last.coverage, self.part) {
                (Coverage::Everything { .. }, None) => Seen::Remembered,
                _ => Seen::Forgotten,
            },
            part: self.part,
        };
        let committed = commit(self.attempt, &batch).await?;
        step("a batch is committed");
        tracing::debug!(entity = self.entity, counts = ?committed.counts, "committed");
        pages.clear();
        Ok(match (retry_rest, committed.goes_on) {
            (Some(retry), GoesOn::AtRetry) => retry,
            _ => rest,
        })
    }
}
