//! Writing records: what is new or changed is written, what is as it was costs a probe.

mod batch;
pub(super) mod known;
mod write;

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;

use super::StoreError;
use super::change_sets::ChangeSet;
use crate::domain::{Presence, ReadFrom, SyncId, TenantId, Ties};
use crate::failpoints::step;

pub use batch::{Batch, Committed, GoesOn, Gone, Read, Seen, Walked, commit, walked};
pub(super) use write::parts;

/// One record as read from the vendor.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// The vendor's id.
    pub external_id: &'a str,
    /// The vendor's JSON.
    pub payload: &'a str,
    /// Its fingerprint.
    pub fingerprint: [u8; 16],
    /// When the vendor says it was created.
    pub created_at: Option<DateTime<Utc>>,
    /// When the vendor says it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// The instant for which the vendor vouched for this version.
    pub as_of: DateTime<Utc>,
    /// Whether it is there or was deleted.
    pub presence: Presence,
}

/// Versions of records of one stream, in the order they were read.
#[derive(Debug, Clone, Copy)]
pub struct Versions<'a> {
    /// Whose they are.
    pub tenant_id: TenantId,
    /// Of which entity.
    pub entity: &'a str,
    /// Of which stream.
    pub stream_id: i64,
    /// By which sync; `None` for what the tenant puts in itself.
    pub sync_id: Option<SyncId>,
    /// The versions.
    pub records: &'a [NewRecord<'a>],
    /// What wins when a version's `as_of` equals the stored one's.
    pub ties: Ties,
    /// What they were read from.
    pub read_from: ReadFrom,
}

/// What became of versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// New ones.
    pub created: i64,
    /// Changed ones.
    pub updated: i64,
    /// Those that were as stored, or older than what is stored.
    pub unchanged: i64,
    /// Those the vendor deleted.
    pub deleted: i64,
}

/// What an [`upsert`] did.
#[derive(Debug)]
pub struct Upserted<'a> {
    /// What became of the versions.
    pub counts: Counts,
    /// The ids that are stored and were not written.
    pub untouched: Vec<&'a str>,
    /// What was changed, to be [closed](ChangeSet::close) by the last statement of the transaction; `None` when nothing was.
    pub change_set: Option<ChangeSet>,
}

/// Stores what is newer than what is stored. To be called in a transaction.
///
/// # Errors
/// When the database refuses.
pub async fn upsert<'a>(
    conn: &mut AsyncPgConnection,
    versions: &Versions<'a>,
) -> Result<Upserted<'a>, StoreError> {
    let mut known = known::probe(conn, versions).await?;
    let counts = known::sort(versions, &mut known);
    let (written, untouched): (Vec<_>, Vec<_>) =
        known.iter().partition(|(_, known)| known.write.is_some());
    let mut places: Vec<usize> = written
        .iter()
        .filter_map(|(_, known)| known.write)
        .collect();
    // In the order in which they came: neighbours in the index are written together.
    places.sort_unstable();
    let writes: Vec<&NewRecord<'a>> = places.into_iter().map(|at| &versions.records[at]).collect();
    let change_set = write::records(conn, versions, &writes).await?;
    step("the batch's records are written");
    write::instants(conn, versions, &known).await?;
    Ok(Upserted {
        counts,
        untouched: untouched.into_iter().map(|(id, _)| *id).collect(),
        change_set,
    })
}
