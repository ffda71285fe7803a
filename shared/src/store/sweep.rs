//! Deleting what a complete walk did not see. Decided as a whole, because a walk that lost most of an entity is a mistake
//! of the vendor's sooner than a deletion; done a chunk at a time, because a job's row is not to be held for long.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use serde_json::Value;

use super::change_sets;
use super::record_errors;
use super::statement::statement;
use super::{Lease, Store, StoreError};
use crate::domain::{SyncId, TenantId};
use crate::failpoints::step;

/// An entity whose walk is complete.
#[derive(Debug, Clone, Copy)]
pub struct Walked<'a> {
    /// By which sync.
    pub sync_id: SyncId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Which entity.
    pub entity: &'a str,
    /// Which stream.
    pub stream_id: i64,
    /// When it began, by the vendor's clock: as of then, what it did not see is gone.
    pub began_at: DateTime<Utc>,
}

/// What would be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Missing {
    /// Records that are here and were not seen.
    #[diesel(sql_type = BigInt)]
    pub missing: i64,
    /// Records that are here.
    #[diesel(sql_type = BigInt)]
    pub present: i64,
}

/// Keeps aside ids that were seen and not written. To be called in the transaction of their batch.
pub(super) async fn remember(
    conn: &mut AsyncPgConnection,
    sync: SyncId,
    stream: i64,
    external_ids: Vec<&str>,
) -> Result<(), StoreError> {
    if external_ids.is_empty() {
        return Ok(());
    }
    statement("INSERT INTO seen_records (sync_id, stream_id, external_ids) VALUES ($1, $2, $3)")
        .bind::<diesel::sql_types::Uuid, _>(sync.uuid())
        .bind::<BigInt, _>(stream)
        .bind::<Array<Text>, _>(external_ids)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether another sync of the connection was accepted since: what it saw as it was left no trace, so what this one did not
/// see says nothing any more.
///
/// # Errors
/// When the database refuses.
pub async fn is_outdated(conn: &mut AsyncPgConnection, sync: SyncId) -> Result<bool, StoreError> {
    let later: Exists = statement(
        "SELECT EXISTS (SELECT FROM syncs later
                        WHERE later.connection_id = (SELECT connection_id FROM syncs WHERE id = $1) AND later.id > $1) AS found",
    )
    .bind::<diesel::sql_types::Uuid, _>(sync.uuid())
    .get_result(conn)
    .await?;
    Ok(later.found)
}

/// What comes of what was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be deleted.
    Delete(Missing),
    /// It is too much: nothing was changed.
    Refuse(Missing),
}

/// Finds what was not seen, and keeps its ids aside for [`delete_some`] if `may_delete` says so. Where it does not, nothing is
/// changed.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the job's lease is held no more.
pub async fn weigh(
    store: &Store,
    lease: &Lease,
    walked: &Walked<'_>,
    next: &Value,
    may_delete: impl FnOnce(Missing) -> bool,
) -> Result<Verdict, StoreError> {
    let mut transaction = store.begin().await?;
    let conn: &mut AsyncPgConnection = &mut transaction;
    // Whole tables are compared here, which is not how the session's plans are made.
    conn.batch_execute("SET LOCAL enable_hashjoin = on; SET LOCAL enable_nestloop = off")
        .await?;
    // The job's row is not held yet, for this may take long; nor is any other, so that nobody waits for this in a circle.
    statement(
        "INSERT INTO missing_records (sync_id, stream_id, external_ids)
         SELECT $1, $2, array_agg(external_id) FROM (
             SELECT external_id, row_number() OVER (ORDER BY external_id) AS place
             FROM records r
             WHERE stream_id = $2 AND deleted_at IS NULL AND changed_at < (SELECT started_at FROM jobs WHERE id = $1)
               AND NOT EXISTS (SELECT FROM change_sets c
                               WHERE c.stream_id = $2 AND c.sync_id = $1 AND c.id = r.change_set)
               AND NOT EXISTS (SELECT FROM seen_records s, unnest(s.external_ids) AS id
                               WHERE s.sync_id = $1 AND s.stream_id = $2 AND id = r.external_id)
         ) missing GROUP BY place / 1000",
    )
    .bind::<diesel::sql_types::Uuid, _>(walked.sync_id.uuid())
    .bind::<BigInt, _>(walked.stream_id)
    .execute(conn)
    .await?;
    let missing: Missing = statement(
        "SELECT (SELECT coalesce(sum(cardinality(external_ids)), 0)::bigint FROM missing_records
                 WHERE sync_id = $1 AND stream_id = $2) AS missing,
                (SELECT count(*) FROM records WHERE stream_id = $2 AND deleted_at IS NULL) AS present",
    )
    .bind::<diesel::sql_types::Uuid, _>(walked.sync_id.uuid())
    .bind::<BigInt, _>(walked.stream_id)
    .get_result(conn)
    .await?;
    if !may_delete(missing) {
        return Ok(Verdict::Refuse(missing));
    }
    lease.hold_with_progress(conn).await?;
    forget_seen(conn, walked).await?;
    let place = record_errors::ErrorPlace {
        tenant_id: walked.tenant_id,
        connection_id: lease.connection_id,
        stream_id: walked.stream_id,
        sync_id: Some(walked.sync_id),
    };
    record_errors::resolve_unmet(conn, place, walked.began_at).await?;
    let next = (missing.missing > 0).then_some(next);
    advance(conn, walked, next, 0).await?;
    step("what was not seen is decided on");
    transaction.commit().await?;
    Ok(Verdict::Delete(missing))
}

/// Deletes a chunk of what was decided on; returns whether there is more.
///
/// # Errors
/// [`StoreError::LeaseLost`] when the job's lease is held no more.
pub async fn delete_some(
    store: &Store,
    lease: &Lease,
    walked: &Walked<'_>,
    next: &Value,
) -> Result<bool, StoreError> {
    let mut transaction = store.begin().await?;
    let conn: &mut AsyncPgConnection = &mut transaction;
    lease.hold_with_progress(conn).await?;
    let change_set = change_sets::open(
        conn,
        walked.tenant_id,
        walked.entity,
        walked.stream_id,
        Some(walked.sync_id),
    )
    .await?;
    let deleted = statement(
        "WITH chunk AS (
             DELETE FROM missing_records WHERE part = (
                 SELECT min(part) FROM missing_records WHERE sync_id = $1 AND stream_id = $2)
             RETURNING external_ids
         ), found AS MATERIALIZED (
             SELECT r.place FROM chunk, unnest(chunk.external_ids) AS missing (id)
             CROSS JOIN LATERAL (SELECT ctid AS place FROM records
                                 WHERE stream_id = $2 AND external_id = missing.id AND deleted_at IS NULL
                                   AND changed_at < (SELECT started_at FROM jobs WHERE jobs.id = $1) LIMIT 1) r
         )
         UPDATE records SET deleted_at = now(), changed_at = now(), change_set = $4, as_of = greatest(as_of, $3)
         FROM found WHERE records.ctid = found.place",
    )
    .bind::<diesel::sql_types::Uuid, _>(walked.sync_id.uuid())
    .bind::<BigInt, _>(walked.stream_id)
    .bind::<Timestamptz, _>(walked.began_at)
    .bind::<BigInt, _>(change_set.id)
    .execute(conn)
    .await?;
    let more: Exists = statement(
        "SELECT EXISTS (SELECT FROM missing_records WHERE sync_id = $1 AND stream_id = $2) AS found",
    )
    .bind::<diesel::sql_types::Uuid, _>(walked.sync_id.uuid())
    .bind::<BigInt, _>(walked.stream_id)
    .get_result(conn)
    .await?;
    let deleted = i64::try_from(deleted).unwrap_or(i64::MAX);
    advance(conn, walked, more.found.then_some(next), deleted).await?;
    if deleted > 0 {
        change_set.close(conn).await?;
    }
    step("a part of what was not seen is about to be deleted");
    transaction.commit().await?;
    Ok(more.found)
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// Forgets what was seen of a stream.
async fn forget_seen(conn: &mut AsyncPgConnection, walked: &Walked<'_>) -> Result<(), StoreError> {
    statement("DELETE FROM seen_records WHERE sync_id = $1 AND stream_id = $2")
        .bind::<diesel::sql_types::Uuid, _>(walked.sync_id.uuid())
        .bind::<BigInt, _>(walked.stream_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes how far the entity is: complete without `next`.
async fn advance(
    conn: &mut AsyncPgConnection,
    walked: &Walked<'_>,
    next: Option<&Value>,
    deleted: i64,
) -> Result<(), StoreError> {
    statement(
        "UPDATE sync_entities SET cursor = $3, complete = ($3 IS NULL), vanished = vanished + $4
         WHERE sync_id = $1 AND entity = $2",
    )
    .bind::<diesel::sql_types::Uuid, _>(walked.sync_id.uuid())
    .bind::<Text, _>(walked.entity)
    .bind::<Nullable<Jsonb>, _>(next)
    .bind::<BigInt, _>(deleted)
    .execute(conn)
    .await?;
    Ok(())
}
