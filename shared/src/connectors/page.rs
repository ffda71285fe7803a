//! What one read hands over.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{Cursor, Gain};
use crate::domain::{Fingerprint, PayloadOf, Presence, ReadFrom, Ties};

/// One page of a walk, to be committed together with `next`.
#[derive(Debug, Clone)]
pub struct Page {
    /// The records, no id twice.
    pub records: Vec<Record>,
    /// Records that cannot be stored. Those with an id do exist at the vendor: they are not to be taken for deleted.
    pub rejected: Vec<Rejected>,
    /// From where to go on; `None` when the walk is complete.
    pub next: Option<Cursor>,
    /// What the walk adds to the checkpoint: only on its last page, and only of one that may say so.
    pub gain: Option<Gain>,
    /// What the walk will have read once it is complete.
    pub coverage: Coverage,
    /// What to keep when a stored version and one of these are of the same instant.
    pub ties: Ties,
    /// What was read.
    pub read_from: ReadFrom,
    /// Requests that were sent for this page.
    pub requests: u32,
}

impl Page {
    /// The only page of a walk through nothing, which asks the vendor nothing.
    pub(super) fn of_nothing() -> Self {
        Self {
            records: Vec::new(),
            rejected: Vec::new(),
            next: None,
            gain: None,
            coverage: Coverage::Some,
            ties: Ties::TakeNew,
            read_from: ReadFrom::List,
            requests: 0,
        }
    }
}

/// What a complete walk has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// The whole entity: what was not seen, and is not newer than the walk, is gone.
    Everything {
        /// When it began: by the vendor's clock, or by ours where that is behind.
        began_at: DateTime<Utc>,
    },
    /// A part of it: nothing follows for what was not seen.
    Some,
}

/// One version of one record.
#[derive(Debug, Clone)]
pub struct Record {
    /// The vendor's id.
    pub external_id: String,
    /// The vendor's bytes: a slice of the answer.
    pub body: Bytes,
    /// Of the body.
    pub fingerprint: Fingerprint,
    /// When the vendor says it was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When the vendor says it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// The instant for which the vendor vouched for this version.
    pub as_of: DateTime<Utc>,
    /// Whether it still exists.
    pub presence: Presence,
}

/// A record that cannot be stored.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The vendor's id, where one could be read.
    pub external_id: Option<String>,
    /// Stable, kebab-case.
    pub code: &'static str,
    /// What is wrong with it.
    pub message: String,
    /// The instant for which the vendor vouched for this version; `None` where no version was seen.
    pub as_of: Option<DateTime<Utc>>,
    /// The vendor's bytes, at most the first 64 KiB.
    pub payload: Bytes,
    /// What these bytes are.
    pub payload_of: PayloadOf,
    /// Whether there were more.
    pub truncated: bool,
}
