//! Pages that were read and wait to be committed together.

use std::time::Duration;

use rail_shared::connectors::{Page, Record, Rejected};
use rail_shared::domain::{Failure, FailureKind, Origin, Ties};
use rail_shared::store::record_errors::NewRecordError;
use rail_shared::store::records::NewRecord;
use rail_shared::store::sync_log::Reading;
use tokio::time::Instant;

use crate::runtime::Reserved;

/// Records in a transaction, about: enough to make it cheap, few enough to lose little.
pub const BATCH_RECORDS: usize = 1_000;
/// How long the first page waits for others at most: progress is to be seen, and kept, also where pages come slowly.
const PATIENCE: Duration = Duration::from_millis(500);

/// A page that was read.
pub(super) struct Fetched<'r> {
    pub page: Page,
    /// How long it was on its way.
    pub took: Duration,
    /// Given back once the page is committed.
    pub reserved: Reserved<'r>,
}

/// Pages of one entity, in the order they were read.
#[derive(Default)]
pub(super) struct Pages<'r> {
    pages: Vec<Page>,
    reserved: Vec<Reserved<'r>>,
    /// Of all of them: records and errors.
    records: usize,
    bytes: usize,
    reading: Reading,
    since: Option<Instant>,
}

impl<'r> Pages<'r> {
    pub(super) fn push(&mut self, fetched: Fetched<'r>) {
        let Fetched {
            page,
            took,
            reserved,
        } = fetched;
        self.since.get_or_insert_with(Instant::now);
        self.records += page.records.len() + page.rejected.len();
        self.bytes += bytes_of(&page);
        self.reading.requests += page.requests;
        self.reading.took += took;
        self.pages.push(page);
        self.reserved.push(reserved);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn last(&self) -> Option<&Page> {
        self.pages.last()
    }

    /// Whether they are to be committed now, be the next page there or not; a batch has so many records and bytes, about.
    pub(super) fn are_ripe(&self, batch_records: usize, batch_bytes: usize) -> bool {
        self.records >= batch_records
            || self.bytes >= batch_bytes
            || self.ripe_at().is_some_and(|at| at <= Instant::now())
    }

    /// When they are ripe at the latest; `None` when there are none.
    pub(super) fn ripe_at(&self) -> Option<Instant> {
        Some(self.since? + PATIENCE)
    }

    /// What reading them took.
    pub(super) fn reading(&self) -> Reading {
        self.reading
    }

    /// What wins: what is stored, as soon as one of the pages may hold older versions.
    pub(super) fn ties(&self) -> Ties {
        if self.pages.iter().any(|page| page.ties == Ties::KeepStored) {
            Ties::KeepStored
        } else {
            Ties::TakeNew
        }
    }

    /// The records, as they are written.
    pub(super) fn records(&self) -> Result<Vec<NewRecord<'_>>, Failure> {
        self.pages
            .iter()
            .flat_map(|page| &page.records)
            .map(new_record)
            .collect()
    }

    /// The records that cannot be stored.
    pub(super) fn rejected(&self) -> Vec<NewRecordError<'_>> {
        self.pages
            .iter()
            .flat_map(|page| &page.rejected)
            .map(new_error)
            .collect()
    }
}

/// What a page's records and errors hold.
pub(super) fn bytes_of(page: &Page) -> usize {
    let records = page.records.iter().map(|record| record.body.len());
    let rejected = page.rejected.iter().map(|error| error.payload.len());
    records.chain(rejected).sum()
}

pub(super) fn new_error(rejected: &Rejected) -> NewRecordError<'_> {
    NewRecordError {
        external_id: rejected.external_id.as_deref(),
        code: rejected.code,
        message: &rejected.message,
        as_of: rejected.as_of,
        payload: &rejected.payload,
        payload_of: rejected.payload_of,
        truncated: rejected.truncated,
    }
}

pub(super) fn new_record(record: &Record) -> Result<NewRecord<'_>, Failure> {
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
