//! What is stored of versions that were read, and what becomes of each.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::StoreError;
use super::super::statement::statement;
use super::{Counts, Versions};
use crate::domain::{Presence, Ties};

/// What is stored of a record.
#[derive(QueryableByName)]
pub(in crate::store) struct StoredRow {
    #[diesel(sql_type = Text)]
    pub(in crate::store) external_id: String,
    #[diesel(sql_type = Binary)]
    pub(in crate::store) fingerprint: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    as_of: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    deleted: bool,
}

impl StoredRow {
    fn known(self) -> (String, Known) {
        let Self {
            external_id,
            fingerprint,
            as_of,
            deleted,
        } = self;
        let known = Known {
            fingerprint: fingerprint.try_into().unwrap_or_default(),
            as_of,
            presence: if deleted {
                Presence::Gone
            } else {
                Presence::Here
            },
            write: None,
            touched: false,
        };
        (external_id, known)
    }
}

/// What is known of a record while a batch is sorted: as stored, or as an earlier record of the same batch left it.
pub(in crate::store) struct Known {
    fingerprint: [u8; 16],
    pub(super) as_of: DateTime<Utc>,
    presence: Presence,
    /// The version that is to be written.
    pub(in crate::store) write: Option<usize>,
    /// Stored as it is, but now vouched for at a later instant.
    pub(super) touched: bool,
}

/// Asks what is stored of the versions. Sending ids and getting fingerprints back is far cheaper than sending
/// bytes that turn out to be known.
///
/// Id by id, as everything here that is about many ids: a plan that was made while the table was empty knows no better way
/// then. One by `= ANY` may have been taken for dearer than reading the whole stream, and be kept.
pub(super) async fn probe<'a>(
    conn: &mut AsyncPgConnection,
    versions: &Versions<'a>,
) -> Result<HashMap<&'a str, Known>, StoreError> {
    let ids: Vec<&str> = versions
        .records
        .iter()
        .map(|record| record.external_id)
        .collect();
    let rows: Vec<StoredRow> = statement(
        "SELECT r.* FROM unnest($2) AS wanted (id)
         CROSS JOIN LATERAL (SELECT external_id, fingerprint, as_of, deleted_at IS NOT NULL AS deleted
                             FROM records WHERE stream_id = $1 AND external_id = wanted.id LIMIT 1) r",
    )
    .bind::<BigInt, _>(versions.stream_id)
    .bind::<Array<Text>, _>(ids)
    .load(conn)
    .await?;
    Ok(of(versions, rows))
}

/// What is known of the versions, where this is stored of them.
pub(in crate::store) fn of<'a>(
    versions: &Versions<'a>,
    rows: Vec<StoredRow>,
) -> HashMap<&'a str, Known> {
    let mut known = HashMap::with_capacity(versions.records.len());
    let mut stored: HashMap<String, Known> = rows.into_iter().map(StoredRow::known).collect();
    for id in versions.records.iter().map(|record| record.external_id) {
        known.extend(stored.remove(id).map(|stored| (id, stored)));
    }
    known
}

/// Decides what becomes of each record, one after the other, so that the counts do not depend on where the batch
/// was cut; `known` is left with the one write each id needs.
pub(in crate::store) fn sort<'a>(
    versions: &Versions<'a>,
    known: &mut HashMap<&'a str, Known>,
) -> Counts {
    let mut counts = Counts::default();
    for (at, record) in versions.records.iter().enumerate() {
        let new = Known {
            fingerprint: record.fingerprint,
            as_of: record.as_of,
            presence: record.presence,
            write: Some(at),
            touched: false,
        };
        let Some(before) = known.get_mut(record.external_id) else {
            match record.presence {
                Presence::Here => counts.created += 1,
                // Gone before we ever saw it: written all the same, so that an older version which a feed shows later
                // does not bring it back.
                Presence::Gone => counts.unchanged += 1,
            }
            known.insert(record.external_id, new);
            continue;
        };
        let newer = match versions.ties {
            Ties::TakeNew => record.as_of >= before.as_of,
            Ties::KeepStored => record.as_of > before.as_of,
        };
        if !newer {
            counts.unchanged += 1;
            continue;
        }
        let same = before.presence == record.presence
            && (record.presence == Presence::Gone || before.fingerprint == record.fingerprint);
        if same {
            // A feed goes back in time from here: what it shows later is older than this, though it may be newer than
            // the stored instant.
            counts.unchanged += 1;
            before.as_of = record.as_of;
            before.touched = before.write.is_none();
            before.write = before.write.map(|_| at);
            continue;
        }
        match (before.presence, record.presence) {
            (_, Presence::Gone) => counts.deleted += 1,
            (Presence::Gone, Presence::Here) => counts.created += 1,
            (Presence::Here, Presence::Here) => counts.updated += 1,
        }
        *before = new;
    }
    counts
}
