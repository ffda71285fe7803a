//! Accepting syncs.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{self, Nullable};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::super::StoreError;
use super::super::audit::Actor;
use super::super::jobs::{JobRow, ONE_ACTIVE_SYNC};
use super::super::statement::statement;
use super::{Sync, SyncEntityRow, SyncRow};
use crate::domain::{
    ConnectionId, DateRange, JobKind, SyncId, SyncMode, Targets, TenantId, Tolerance, Trigger,
};

/// What acceptance writes.
#[derive(Debug)]
pub struct NewSync<'a> {
    /// Whose.
    pub tenant_id: TenantId,
    /// On which connection.
    pub connection_id: ConnectionId,
    /// What it reads.
    pub mode: SyncMode,
    /// The days it is limited to.
    pub date_range: Option<DateRange>,
    /// What may go wrong, where it differs from what the connection says.
    pub tolerance: Tolerance,
    /// The single records it is limited to, by entity.
    pub targets: Option<&'a [Targets]>,
    /// The entities, in order.
    pub entities: &'a [String],
    /// What begins it.
    pub trigger: Trigger,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
}

impl Sync {
    /// As it is when it was accepted.
    fn fresh(
        id: SyncId,
        new: &NewSync<'_>,
        targets: Option<Value>,
        created_at: DateTime<Utc>,
    ) -> Self {
        let entities = (0..)
            .zip(new.entities)
            .map(|(place, entity)| SyncEntityRow {
                sync_id: id,
                entity: entity.clone(),
                place,
                cursor: None,
                complete: false,
                fetched: 0,
                created: 0,
                updated: 0,
                unchanged: 0,
                deleted: 0,
                vanished: 0,
                errors: 0,
            });
        Self {
            asked: SyncRow {
                id,
                connection_id: new.connection_id,
                mode: new.mode,
                date_from: new.date_range.map(|range| range.from),
                date_to: new.date_range.map(|range| range.to),
                max_delete_fraction: new.tolerance.max_delete_fraction,
                max_error_rate: new.tolerance.max_error_rate,
                trigger: new.trigger,
                targets,
            },
            job: JobRow::fresh(id.into(), created_at),
            entities: entities.collect(),
        }
    }
}

#[derive(QueryableByName)]
struct AcceptedRow {
    #[diesel(sql_type = sql_types::Timestamptz)]
    created_at: DateTime<Utc>,
}

/// Accepts a sync, asked for by somebody or due by itself: job, sync, entities and, where somebody asked, the line of the
/// audit log, all with one statement, because every round trip costs more than what it asks for.
///
/// # Errors
/// [`StoreError::Refused`] by [`ONE_ACTIVE_SYNC`] when the connection has an active one, by another constraint when it was
/// erased meanwhile.
pub async fn accept(
    conn: &mut AsyncPgConnection,
    new: &NewSync<'_>,
    asked_by: Option<&Actor>,
) -> Result<Sync, StoreError> {
    let id = SyncId::new();
    let targets = new.targets.map(serde_json::to_value).transpose()?;
    let accepted: AcceptedRow = statement(
        "WITH job AS (
             INSERT INTO jobs (id, tenant_id, connection_id, kind, created_at) VALUES ($1, $2, $3, $4, $5)
             RETURNING created_at
         ), sync AS (
             INSERT INTO syncs (id, tenant_id, connection_id, mode, date_from, date_to, max_delete_fraction, max_error_rate, trigger,
                                targets)
             VALUES ($1, $2, $3, $6, $7, $8, $13, $14, $15, $16)
         ), entities AS (
             INSERT INTO sync_entities (sync_id, entity, place)
             SELECT $1, entity, place - 1 FROM unnest($9) WITH ORDINALITY AS wanted (entity, place)
         ), noted AS (
             INSERT INTO audit_log (tenant_id, key_id, action, subject, request_id)
             SELECT $2, $10, 'sync.start', $11, $12 WHERE $10 IS NOT NULL
         )
         SELECT created_at FROM job",
    )
    .bind::<sql_types::Uuid, _>(id.uuid())
    .bind::<sql_types::Uuid, _>(new.tenant_id.uuid())
    .bind::<sql_types::Uuid, _>(new.connection_id.uuid())
    .bind::<sql_types::Text, _>(JobKind::Sync.as_str())
    .bind::<sql_types::Timestamptz, _>(new.created_at)
    .bind::<sql_types::Text, _>(new.mode.as_str())
    .bind::<Nullable<sql_types::Date>, _>(new.date_range.map(|range| range.from))
    .bind::<Nullable<sql_types::Date>, _>(new.date_range.map(|range| range.to))
    .bind::<sql_types::Array<sql_types::Text>, _>(new.entities)
    .bind::<Nullable<sql_types::Uuid>, _>(asked_by.map(|actor| actor.grant.key_id.uuid()))
    .bind::<sql_types::Text, _>(id.to_string())
    .bind::<Nullable<sql_types::Text>, _>(asked_by.map(|actor| actor.request_id.as_str()))
    .bind::<Nullable<sql_types::Double>, _>(new.tolerance.max_delete_fraction)
    .bind::<Nullable<sql_types::Double>, _>(new.tolerance.max_error_rate)
    .bind::<sql_types::Text, _>(new.trigger.as_str())
    .bind::<Nullable<sql_types::Jsonb>, _>(targets.clone())
    .get_result(conn)
    .await?;
    Ok(Sync::fresh(id, new, targets, accepted.created_at))
}

/// Accepts a sync that is due by itself unless the connection has an active one; the caller's transaction goes on either
/// way.
///
/// # Errors
/// When the database refuses for another reason.
pub async fn accept_unless_active(
    conn: &mut AsyncPgConnection,
    new: &NewSync<'_>,
) -> Result<Option<SyncId>, StoreError> {
    let accepted = conn
        .transaction(async |conn| accept(conn, new, None).await)
        .await;
    match accepted {
        Ok(sync) => Ok(Some(sync.asked.id)),
        Err(error) if error.is_refusal_of(ONE_ACTIVE_SYNC) => Ok(None),
        Err(error) => Err(error),
    }
}
