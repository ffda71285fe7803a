//! Reading single records of an entity, and committing what they brought.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rail_shared::connectors::{One, Record, Rejected, Source};
use rail_shared::domain::{
    Failure, FailureKind, PayloadOf, ReadFrom, RecordErrorId, SyncId, Ties, Tolerance,
};
use rail_shared::failpoints::step;
use rail_shared::store::record_errors::{self, NewRecordError};
use rail_shared::store::records::{Batch, Gone, NewRecord, Read, Seen, Versions};
use rail_shared::store::sync_log::Reading;
use tokio::time::Instant;

use super::commit::commit;
use super::pages::{new_error, new_record};
use super::stage::{Stage, write};
use crate::runtime::{Attempt, Halt};

/// Records in a transaction, about.
const RECORDS: usize = 100;
/// How long the first record waits for others at most.
const PATIENCE: Duration = Duration::from_millis(500);

/// An entity whose records are read singly.
pub(super) struct Singly<'a> {
    pub attempt: &'a Attempt,
    pub source: &'a Source,
    pub entity: &'a str,
    pub stream_id: i64,
    /// Whether the ids of what was not written are kept aside: where a sweep follows.
    pub seen: Seen,
    pub brought: Brought,
}

/// What was read and waits to be committed together.
#[derive(Default)]
pub(super) struct Brought {
    records: Vec<Record>,
    rejected: Vec<Rejected>,
    gone: Vec<(String, DateTime<Utc>)>,
    resolved: Vec<RecordErrorId>,
    reading: Reading,
    since: Option<Instant>,
}

impl Singly<'_> {
    /// Reads the record of this id at the vendor; where that is not possible, out of what was kept of it.
    pub(super) async fn read(&mut self, id: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        let one = self.source.read_one(self.entity, id).await?;
        self.brought.reading.requests += 1;
        self.brought.reading.took += begun.elapsed();
        self.take(one, Some(id), None);
        Ok(())
    }

    /// Reads again what was kept of this record.
    pub(super) async fn read_kept(&mut self, id: &str) -> Result<(), Halt> {
        let mut conn = self.attempt.worker.store.connect().await?;
        let kept = record_errors::kept_of_record(&mut conn, self.stream_id, id).await?;
        drop(conn);
        match kept {
            Some(kept) => {
                let one = self.source.read_again(self.entity, &kept_bytes(kept))?;
                self.take(one, Some(id), None);
            }
            None => self.refuse(
                id,
                "not-readable",
                "single records of this entity cannot be asked for",
            ),
        }
        Ok(())
    }

    /// Reads again what was kept of these errors.
    pub(super) async fn read_errors(&mut self, ids: &[RecordErrorId]) -> Result<(), Halt> {
        let mut conn = self.attempt.worker.store.connect().await?;
        let kept = record_errors::kept(&mut conn, self.stream_id, ids).await?;
        drop(conn);
        for kept in kept {
            let error = kept.id;
            let one = self.source.read_again(self.entity, &kept_bytes(kept))?;
            self.take(one, None, Some(error));
        }
        Ok(())
    }

    fn take(&mut self, one: One, id: Option<&str>, error: Option<RecordErrorId>) {
        let brought = &mut self.brought;
        brought.since.get_or_insert_with(Instant::now);
        match one {
            One::Found(record) => {
                brought.records.push(*record);
                brought.resolved.extend(error);
            }
            One::Rejected(mut rejected) => {
                // Whoever reads it again by what was kept need not find the id there.
                if rejected.external_id.is_none() {
                    rejected.external_id = id.map(str::to_owned);
                }
                // Now that its id is known, it is another error.
                brought
                    .resolved
                    .extend(error.filter(|_| rejected.external_id.is_some()));
                brought.rejected.push(*rejected);
            }
            One::Gone { as_of } => {
                brought.gone.extend(id.map(|id| (id.to_owned(), as_of)));
            }
            One::Nothing => brought.resolved.extend(error),
        }
    }

    /// Keeps a failure to read one record as an error of this record.
    pub(super) fn refuse(&mut self, id: &str, code: &'static str, message: impl Into<String>) {
        self.brought.since.get_or_insert_with(Instant::now);
        self.brought.rejected.push(Rejected {
            external_id: Some(id.to_owned()),
            code,
            message: message.into(),
            as_of: None,
            payload: Bytes::new(),
            payload_of: PayloadOf::Record,
            truncated: true,
        });
    }

    /// Whether what was read is to be committed now.
    pub(super) fn is_ripe(&self) -> bool {
        let Brought {
            records,
            rejected,
            gone,
            since,
            ..
        } = &self.brought;
        records.len() + rejected.len() + gone.len() >= RECORDS
            || since.is_some_and(|since| since.elapsed() >= PATIENCE)
    }

    /// Commits what was read, and where to go on; the entity is complete without a stage.
    pub(super) async fn commit(&mut self, stage: Option<Stage>) -> Result<(), Halt> {
        let brought = std::mem::take(&mut self.brought);
        let sync_id: SyncId = self.attempt.lease.job_id.into();
        let records: Vec<NewRecord<'_>> = brought
            .records
            .iter()
            .map(new_record)
            .collect::<Result<_, _>>()?;
        let rejected: Vec<NewRecordError<'_>> = brought.rejected.iter().map(new_error).collect();
        let gone: Vec<Gone<'_>> = brought
            .gone
            .iter()
            .map(|(external_id, as_of)| Gone {
                external_id,
                as_of: *as_of,
            })
            .collect();
        let stage = stage.as_ref().map(write).transpose()?;
        let batch = Batch {
            sync_id,
            versions: Versions {
                tenant_id: self.attempt.lease.tenant_id,
                entity: self.entity,
                stream_id: self.stream_id,
                sync_id: Some(sync_id),
                records: &records,
                ties: Ties::TakeNew,
                read_from: ReadFrom::List,
            },
            gone: &gone,
            read: Read::Singly,
            rejected: &rejected,
            resolved: &brought.resolved,
            cursor: stage.as_ref(),
            retry: None,
            tolerance: Tolerance::default(),
            reading: brought.reading,
            checkpoint: None,
            seen: self.seen,
            part: None,
        };
        commit(self.attempt, &batch).await?;
        step("single records are committed");
        Ok(())
    }
}

fn kept_bytes(kept: record_errors::KeptError) -> rail_shared::connectors::Kept {
    let record_errors::KeptError {
        id: _,
        payload,
        payload_of,
        as_of,
    } = kept;
    rail_shared::connectors::Kept {
        payload: payload.into(),
        payload_of,
        as_of,
    }
}

/// The code under which a failure to read a record is kept as an error of this record; `None` where it is not about one
/// record, or must be waited out.
pub(super) fn code_of(failure: &Failure) -> Option<&'static str> {
    match failure.kind {
        FailureKind::Refused => Some("refused"),
        FailureKind::PermissionDenied => Some("permission-denied"),
        FailureKind::NotFound => Some("not-found"),
        FailureKind::MalformedAnswer => Some("malformed-answer"),
        FailureKind::Unavailable => Some("unavailable"),
        _ => None,
    }
}
