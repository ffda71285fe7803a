//! Meeting record errors, and resolving them: in the transaction that writes the records.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::{ConnectionId, PayloadOf, RecordErrorId, SyncId, TenantId, Ties};
use crate::store::StoreError;
use crate::store::records::NewRecord;
use crate::store::statement::statement;

/// One record that could not be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewRecordError<'a> {
    /// The vendor's id, where it could be read.
    pub external_id: Option<&'a str>,
    /// Stable, kebab-case.
    pub code: &'a str,
    /// What is wrong with it.
    pub message: &'a str,
    /// The instant for which the vendor vouched for this version; `None` where no version was seen.
    pub as_of: Option<DateTime<Utc>>,
    /// The vendor's bytes, at most the first 64 KiB.
    pub payload: &'a [u8],
    /// What these bytes are.
    pub payload_of: PayloadOf,
    /// Whether there were more.
    pub truncated: bool,
}

/// Where errors are met.
#[derive(Debug, Clone, Copy)]
pub struct ErrorPlace {
    /// Whose.
    pub tenant_id: TenantId,
    /// On which connection; `None` for the platform's own records.
    pub connection_id: Option<ConnectionId>,
    /// In which stream.
    pub stream_id: i64,
    /// By which sync; `None` where records were pushed in.
    pub sync_id: Option<SyncId>,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Notes errors: opens a row for each, or touches the one that is open; passes over those of which a later version is
/// stored. Returns how many the sync had not met before; where there is no sync, how many there are. Comes after the
/// records of its transaction.
///
/// # Errors
/// When the database refuses.
pub async fn note(
    conn: &mut AsyncPgConnection,
    place: ErrorPlace,
    met: &[NewRecordError<'_>],
) -> Result<i64, StoreError> {
    let met = each_once(met);
    if met.is_empty() {
        return Ok(0);
    }
    fn column<'a, T>(met: &[&NewRecordError<'a>], of: impl Fn(&NewRecordError<'a>) -> T) -> Vec<T> {
        met.iter().map(|error| of(error)).collect()
    }
    let row: CountRow = statement(
        "WITH met AS (
             SELECT * FROM unnest($5, $6, $7, $8, $9, $10, $11, $12)
                  AS met (id, external_id, code, message, as_of, payload, payload_of, truncated)
         ), noted AS (
             INSERT INTO record_errors AS e (id, tenant_id, connection_id, stream_id, external_id, code, message, as_of,
                                             payload, payload_of, truncated, digest)
             SELECT id, $1, $2, $3, external_id, code, message, as_of, payload, payload_of, truncated,
                    CASE WHEN external_id IS NULL THEN sha256(payload) END
             FROM met
             WHERE (SELECT true FROM records r WHERE r.stream_id = $3 AND r.external_id = met.external_id
                                                 AND r.as_of > met.as_of) IS NULL
             ON CONFLICT (stream_id, external_id, code, digest) WHERE resolved_at IS NULL DO UPDATE SET
                 -- What is kept is of the newest version that was seen.
                 message = CASE WHEN e.as_of IS NULL OR excluded.as_of >= e.as_of THEN excluded.message ELSE e.message END,
                 payload = CASE WHEN e.as_of IS NULL OR excluded.as_of >= e.as_of THEN excluded.payload ELSE e.payload END,
                 payload_of = CASE WHEN e.as_of IS NULL OR excluded.as_of >= e.as_of THEN excluded.payload_of ELSE e.payload_of END,
                 truncated = CASE WHEN e.as_of IS NULL OR excluded.as_of >= e.as_of THEN excluded.truncated ELSE e.truncated END,
                 as_of = greatest(e.as_of, excluded.as_of), last_seen_at = now(),
                 attempts = e.attempts + (NOT EXISTS (
                     SELECT FROM sync_record_errors l WHERE l.sync_id = $4 AND l.error_id = e.id))::int
             RETURNING e.id
         ), counted AS (
             INSERT INTO sync_record_errors (sync_id, error_id) SELECT $4, id FROM noted WHERE $4 IS NOT NULL
             ON CONFLICT DO NOTHING RETURNING error_id
         )
         SELECT CASE WHEN $4::uuid IS NULL THEN (SELECT count(*) FROM noted) ELSE (SELECT count(*) FROM counted) END
             AS count",
    )
    .bind::<diesel::sql_types::Uuid, _>(place.tenant_id.uuid())
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(place.connection_id.map(ConnectionId::uuid))
    .bind::<BigInt, _>(place.stream_id)
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(place.sync_id.map(SyncId::uuid))
    .bind::<Array<diesel::sql_types::Uuid>, _>(column(&met, |_| RecordErrorId::new().uuid()))
    .bind::<Array<Nullable<Text>>, _>(column(&met, |error| error.external_id))
    .bind::<Array<Text>, _>(column(&met, |error| error.code))
    .bind::<Array<Text>, _>(column(&met, |error| error.message))
    .bind::<Array<Nullable<Timestamptz>>, _>(column(&met, |error| error.as_of))
    .bind::<Array<Binary>, _>(column(&met, |error| error.payload))
    .bind::<Array<Text>, _>(column(&met, |error| error.payload_of.as_str()))
    .bind::<Array<Bool>, _>(column(&met, |error| error.truncated))
    .get_result(conn)
    .await?;
    Ok(row.count)
}

/// The newest of those that are one row, in one order: so no two transactions wait for each other in a circle.
fn each_once<'a, 'b>(met: &'b [NewRecordError<'a>]) -> Vec<&'b NewRecordError<'a>> {
    let mut once: BTreeMap<_, &NewRecordError<'_>> = BTreeMap::new();
    for error in met {
        let bytes = match error.external_id {
            Some(_) => &[][..],
            None => error.payload,
        };
        let kept = once
            .entry((error.external_id, error.code, bytes))
            .or_insert(error);
        if error.as_of > kept.as_of {
            *kept = error;
        }
    }
    once.into_values().collect()
}

/// A version of a record that was stored, or is stored already.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The vendor's id.
    pub external_id: &'a str,
    /// The instant for which the vendor vouched for this version.
    pub as_of: DateTime<Utc>,
}

impl<'a> From<&NewRecord<'a>> for Seen<'a> {
    fn from(record: &NewRecord<'a>) -> Self {
        Self {
            external_id: record.external_id,
            as_of: record.as_of,
        }
    }
}

/// Whether a stream has open errors of records with an id.
///
/// # Errors
/// When the database refuses.
pub async fn are_open(conn: &mut AsyncPgConnection, stream: i64) -> Result<bool, StoreError> {
    #[derive(QueryableByName)]
    struct Open {
        #[diesel(sql_type = Bool)]
        any: bool,
    }
    let open: Open = statement(
        "SELECT EXISTS (SELECT FROM record_errors WHERE stream_id = $1 AND resolved_at IS NULL
                                                    AND external_id IS NOT NULL) AS any",
    )
    .bind::<BigInt, _>(stream)
    .get_result(conn)
    .await?;
    Ok(open.any)
}

/// Resolves the open errors of records of which a later version is stored now, or one of the same instant where that is
/// the newer one.
///
/// # Errors
/// When the database refuses.
pub async fn resolve(
    conn: &mut AsyncPgConnection,
    place: ErrorPlace,
    ties: Ties,
    seen: &[Seen<'_>],
) -> Result<(), StoreError> {
    let (ids, instants): (Vec<&str>, Vec<DateTime<Utc>>) = seen
        .iter()
        .map(|seen| (seen.external_id, seen.as_of))
        .unzip();
    statement(
        "WITH found AS MATERIALIZED (
             SELECT e.place FROM unnest($3, $4) AS seen (id, as_of)
             CROSS JOIN LATERAL (SELECT ctid AS place FROM record_errors
                                 WHERE stream_id = $1 AND external_id = seen.id AND resolved_at IS NULL
                                   AND (record_errors.as_of IS NULL OR record_errors.as_of < seen.as_of
                                        OR ($5 AND record_errors.as_of = seen.as_of)) OFFSET 0) e
         )
         UPDATE record_errors SET resolved_at = now(), resolved_by = $2
         WHERE ctid = ANY(ARRAY(SELECT place FROM found))",
    )
    .bind::<BigInt, _>(place.stream_id)
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(place.sync_id.map(SyncId::uuid))
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Timestamptz>, _>(instants)
    .bind::<Bool, _>(ties == Ties::TakeNew)
    .execute(conn)
    .await?;
    Ok(())
}

/// Resolves open errors by their own ids: their bytes were read again and hold nothing wrong any more.
///
/// # Errors
/// When the database refuses.
pub async fn resolve_these(
    conn: &mut AsyncPgConnection,
    place: ErrorPlace,
    ids: &[RecordErrorId],
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    statement(
        "UPDATE record_errors SET resolved_at = now(), resolved_by = $2
         WHERE stream_id = $1 AND id = ANY($3) AND resolved_at IS NULL",
    )
    .bind::<BigInt, _>(place.stream_id)
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(place.sync_id.map(SyncId::uuid))
    .bind::<Array<diesel::sql_types::Uuid>, _>(ids)
    .execute(conn)
    .await?;
    Ok(())
}

/// Resolves the open errors of a stream that a walk through all of it, begun at this instant, did not meet: what they are
/// about is not among its records any more.
///
/// # Errors
/// When the database refuses.
pub(in crate::store) async fn resolve_unmet(
    conn: &mut AsyncPgConnection,
    place: ErrorPlace,
    began_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    statement(
        "UPDATE record_errors e SET resolved_at = now(), resolved_by = $2
         WHERE e.stream_id = $1 AND e.resolved_at IS NULL AND (e.as_of IS NULL OR e.as_of < $3)
           AND NOT EXISTS (SELECT FROM sync_record_errors l WHERE l.sync_id = $2 AND l.error_id = e.id)
           AND NOT EXISTS (
               SELECT FROM record_errors o JOIN sync_record_errors l ON l.error_id = o.id AND l.sync_id = $2
               WHERE o.stream_id = $1 AND o.external_id = e.external_id AND o.resolved_at IS NULL)",
    )
    .bind::<BigInt, _>(place.stream_id)
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(place.sync_id.map(SyncId::uuid))
    .bind::<Timestamptz, _>(began_at)
    .execute(conn)
    .await?;
    Ok(())
}
