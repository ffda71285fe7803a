//! Changes of records on the wire.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use rail_shared::domain::{ChangeKind, ConnectionId, SyncId};
use rail_shared::store::changes::{Change as ChangeRow, ChangePlace};
use rail_shared::store::reading::RecordRow;
use serde::Serialize;

use super::cursor::NoPosition;
use super::wire::{ExactObject, Id, Word};
use crate::http::answer::Shown;

/// A record at its latest change.
#[derive(Debug, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Change {
    /// ADDED: it was not here when you last had read to the end. UPDATED: it was, and is another now. DELETED: it is gone.
    change: Word<ChangeKind>,
    /// The vendor's id of it.
    external_id: String,
    /// On which connection; null for the platform's own. Together with `externalId` it names the record.
    connection_id: Option<Id<ConnectionId>>,
    /// As the vendor sent it; of one that is gone, as it was last known.
    record: ExactObject,
    /// When the vendor made it, where it says.
    created_at: Option<DateTime<Utc>>,
    /// When the vendor changed it last, where it says.
    updated_at: Option<DateTime<Utc>>,
    /// The sync that changed it here; null for the platform's own.
    sync_id: Option<Id<SyncId>>,
    /// When it was changed here.
    synced_at: DateTime<Utc>,
    /// When it was found gone.
    deleted_at: Option<DateTime<Utc>>,
}

impl Shown for Change {}

impl From<ChangeRow> for Change {
    fn from(ChangeRow { kind, record }: ChangeRow) -> Self {
        let RecordRow {
            stream_id: _,
            external_id,
            connection_id,
            payload,
            source_created_at,
            source_updated_at,
            sync_id,
            changed_at,
            deleted_at,
        } = record;
        Self {
            change: Word(kind),
            external_id,
            connection_id: connection_id.map(|id| Id(id.into())),
            record: payload.into(),
            created_at: source_created_at,
            updated_at: source_updated_at,
            sync_id: sync_id.map(|id| Id(id.into())),
            synced_at: changed_at,
            deleted_at,
        }
    }
}

/// A place in the feed as its cursor says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPlace(pub ChangePlace);

impl fmt::Display for FeedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChangePlace {
            since,
            seq,
            external_id,
        } = &self.0;
        write!(f, "{since}:{seq}:{external_id}")
    }
}

impl FromStr for FeedPlace {
    type Err = NoPosition;
    fn from_str(text: &str) -> Result<Self, NoPosition> {
        // No feed is longer, and one more is a number too.
        let number = |text: &str| {
            text.parse()
                .ok()
                .filter(|number| (0..i64::MAX / 2).contains(number))
                .ok_or(NoPosition)
        };
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next().ok_or(NoPosition);
        let place = ChangePlace {
            since: number(next()?)?,
            seq: number(next()?)?,
            external_id: next()?.to_owned(),
        };
        if place.external_id.contains('\0') {
            return Err(NoPosition);
        }
        Ok(Self(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_was_written_whatever_the_id() {
        for id in ["", "cus_1", "a:b:c", "ü/?"] {
            let place = FeedPlace(ChangePlace {
                since: 3,
                seq: 17,
                external_id: id.to_owned(),
            });
            assert_eq!(place.to_string().parse::<FeedPlace>().ok(), Some(place));
        }
        for bad in [
            "",
            "1:2",
            "x:1:",
            "1:-2:",
            "1:9223372036854775807:",
            "0:1:\0",
        ] {
            assert!(bad.parse::<FeedPlace>().is_err(), "{bad:?}");
        }
    }
}
