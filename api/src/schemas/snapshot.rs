//! Snapshots on the wire.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{self, ConnectionId, SnapshotId, SyncId};
use rail_shared::store::JsonText;
use rail_shared::store::snapshots::{self, DifferenceRow, Differences, PartRow, SnapshotRecordRow};
use serde::Serialize;

use super::wire::{ExactObject, Id, Word};
use crate::http::answer::Shown;

/// An immutable copy of what a connection holds, as of the time it was made. It is there once it is whole.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Snapshot {
    /// Identity.
    snapshot_id: Id<SnapshotId>,
    /// Of which connection.
    connection_id: Id<ConnectionId>,
    /// The sync that made it.
    sync_id: Id<SyncId>,
    /// When a worker began to make it.
    started_at: Option<DateTime<Utc>>,
    /// When it was whole.
    completed_at: Option<DateTime<Utc>>,
    /// What it holds, for each entity.
    entities: BTreeMap<String, SnapshotEntity>,
}

impl Shown for Snapshot {}

/// One entity of a snapshot.
#[derive(Debug, Serialize, Object)]
struct SnapshotEntity {
    /// Records in it.
    records: i64,
    /// Records of the vendor's that could not be stored, and so are not in it.
    errors: i64,
    /// The same for the same content, and only for that: the SHA-256, in hex, of one line for each record in the order of
    /// the bytes of their ids. A line is the length of the id in bytes, a colon, the id, a colon, the record's fingerprint,
    /// and a line feed.
    digest: String,
}

impl From<snapshots::Snapshot> for Snapshot {
    fn from(snapshot: snapshots::Snapshot) -> Self {
        let snapshots::Snapshot {
            id,
            connection_id,
            started_at,
            completed_at,
            parts,
        } = snapshot;
        Self {
            snapshot_id: Id(id),
            connection_id: Id(connection_id),
            sync_id: Id(id.into()),
            started_at,
            completed_at,
            entities: parts.into_iter().map(entity).collect(),
        }
    }
}

fn entity(row: PartRow) -> (String, SnapshotEntity) {
    let PartRow {
        snapshot_id: _,
        no: _,
        stream_id: _,
        entity,
        records,
        errors,
        digest,
    } = row;
    let shown = SnapshotEntity {
        records,
        errors,
        digest: hex(&digest),
    };
    (entity, shown)
}

/// A record as a snapshot holds it.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct SnapshotRecord {
    /// The vendor's id of it.
    external_id: String,
    /// Of its content, in hex: the same for the same content.
    fingerprint: String,
    /// As the vendor sent it.
    record: ExactObject,
    /// When the vendor made it, where it says.
    created_at: Option<DateTime<Utc>>,
    /// When the vendor changed it last, where it says.
    updated_at: Option<DateTime<Utc>>,
}

impl Shown for SnapshotRecord {}

impl From<SnapshotRecordRow> for SnapshotRecord {
    fn from(row: SnapshotRecordRow) -> Self {
        let SnapshotRecordRow {
            external_id,
            fingerprint,
            payload,
            source_created_at,
            source_updated_at,
        } = row;
        Self {
            external_id,
            fingerprint: hex(&fingerprint),
            record: payload.into(),
            created_at: source_created_at,
            updated_at: source_updated_at,
        }
    }
}

/// What changed from one snapshot to another.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct SnapshotComparison {
    /// The earlier one, or whichever is taken for it.
    before: Id<SnapshotId>,
    /// The later one.
    after: Id<SnapshotId>,
    /// How many records differ, for each entity that both hold.
    entities: BTreeMap<String, EntityDifferences>,
    /// Entities that only one of the two holds.
    not_compared: Vec<String>,
}

impl Shown for SnapshotComparison {}

/// How many records of an entity differ.
#[derive(Debug, Serialize, Object)]
struct EntityDifferences {
    /// Records only in the later snapshot.
    added: i64,
    /// Records in both that are not the same.
    changed: i64,
    /// Records only in the earlier snapshot.
    removed: i64,
    /// Records in both that are the same.
    unchanged: i64,
}

/// What a comparison found.
#[derive(Debug)]
pub struct Compared {
    /// The earlier snapshot.
    pub before: SnapshotId,
    /// The later one.
    pub after: SnapshotId,
    /// For each entity that both hold.
    pub entities: BTreeMap<String, Differences>,
    /// Entities that one of them holds.
    pub not_compared: Vec<String>,
}

impl From<Compared> for SnapshotComparison {
    fn from(compared: Compared) -> Self {
        let Compared {
            before,
            after,
            entities,
            not_compared,
        } = compared;
        let counted = |(entity, differences)| {
            let Differences {
                added,
                changed,
                removed,
                unchanged,
            } = differences;
            let counts = EntityDifferences {
                added,
                changed,
                removed,
                unchanged,
            };
            (entity, counts)
        };
        Self {
            before: Id(before),
            after: Id(after),
            entities: entities.into_iter().map(counted).collect(),
            not_compared,
        }
    }
}

/// A record that differs from one snapshot to another.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct SnapshotDifference {
    /// The vendor's id of it.
    external_id: String,
    /// How it differs.
    difference: Word<domain::Difference>,
    /// In the earlier snapshot; null when it is ADDED.
    before: Option<RecordVersion>,
    /// In the later snapshot; null when it is REMOVED.
    after: Option<RecordVersion>,
}

impl Shown for SnapshotDifference {}

/// A record at one time.
#[derive(Debug, Serialize, Object)]
struct RecordVersion {
    /// Of its content, in hex.
    fingerprint: String,
    /// As the vendor sent it.
    record: ExactObject,
}

impl From<DifferenceRow> for SnapshotDifference {
    fn from(row: DifferenceRow) -> Self {
        let DifferenceRow {
            external_id,
            fingerprint_before,
            payload_before,
            fingerprint_after,
            payload_after,
        } = row;
        let (before, after) = (
            version(fingerprint_before, payload_before),
            version(fingerprint_after, payload_after),
        );
        let difference = match (&before, &after) {
            (None, _) => domain::Difference::Added,
            (Some(_), None) => domain::Difference::Removed,
            (Some(_), Some(_)) => domain::Difference::Changed,
        };
        Self {
            external_id,
            difference: Word(difference),
            before,
            after,
        }
    }
}

fn version(fingerprint: Option<Vec<u8>>, payload: Option<JsonText>) -> Option<RecordVersion> {
    Some(RecordVersion {
        fingerprint: hex(&fingerprint?),
        record: payload?.into(),
    })
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
