//! Starting the sync that reads what was told.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::{ConnectionId, SyncId, SyncMode, Targets, TenantId, Tolerance, Trigger};
use crate::store::StoreError;
use crate::store::statement::statement;
use crate::store::syncs::{self, NewSync};

/// So many records of an entity are read one by one; of more, what changed of the entity is listed.
pub const SINGLY_AT_MOST: usize = 50;

/// Whose changes are taken up.
#[derive(Debug)]
pub struct Claimant<'a> {
    /// Whose connection.
    pub tenant_id: TenantId,
    /// Which.
    pub connection_id: ConnectionId,
    /// The connector's entities, in order.
    pub entities: &'a [String],
    /// When the sync begins to wait.
    pub now: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct ToldRow {
    #[diesel(sql_type = Text)]
    entity: String,
    #[diesel(sql_type = Nullable<Text>)]
    external_id: Option<String>,
}

/// Accepts a sync of what was told and is due, unless the connection has an active one or its changes are put off. To be
/// called in a transaction, which goes on either way.
///
/// # Errors
/// When the database refuses.
pub async fn take_up(
    conn: &mut AsyncPgConnection,
    of: &Claimant<'_>,
) -> Result<Option<SyncId>, StoreError> {
    let told = told(conn, of).await?;
    let (mut whole, mut targets) = (Vec::new(), Vec::new());
    for (place, ids) in told {
        let entity = of.entities[place].clone();
        match ids {
            Some(ids) => targets.push(Targets {
                entity,
                ids,
                error_ids: Vec::new(),
            }),
            None => whole.push(entity),
        }
    }
    let singly: Vec<&str> = targets.iter().map(|of| of.entity.as_str()).collect();
    let wanted = |entity: &&String| whole.contains(entity) || singly.contains(&entity.as_str());
    let entities: Vec<String> = of.entities.iter().filter(wanted).cloned().collect();
    if entities.is_empty() {
        return Ok(None);
    }
    let new = NewSync {
        tenant_id: of.tenant_id,
        connection_id: of.connection_id,
        mode: SyncMode::Incremental,
        date_range: None,
        tolerance: Tolerance::default(),
        targets: (!targets.is_empty()).then_some(&targets[..]),
        entities: &entities,
        trigger: Trigger::Webhook,
        created_at: of.now,
    };
    let Some(sync) = syncs::accept_unless_active(conn, &new).await? else {
        return Ok(None);
    };
    let (of_ids, ids): (Vec<&str>, Vec<&str>) = targets
        .iter()
        .flat_map(|of| of.ids.iter().map(|id| (of.entity.as_str(), id.as_str())))
        .unzip();
    // What was told in between is read by it too, as far as it reads all of the entity: it begins after this.
    statement(
        "UPDATE told_changes SET sync_id = $2
         WHERE connection_id = $1 AND sync_id IS NULL
           AND (entity = ANY($3) OR (entity, external_id) IN (SELECT * FROM unnest($4, $5)))",
    )
    .bind::<diesel::sql_types::Uuid, _>(of.connection_id.uuid())
    .bind::<diesel::sql_types::Uuid, _>(sync.uuid())
    .bind::<Array<Text>, _>(whole)
    .bind::<Array<Text>, _>(of_ids)
    .bind::<Array<Text>, _>(ids)
    .execute(conn)
    .await?;
    Ok(Some(sync))
}

/// What was told of each entity, by its place: the ids of its records, or `None` where all of it is to be read. Nothing
/// while the changes of the connection are put off.
async fn told(
    conn: &mut AsyncPgConnection,
    of: &Claimant<'_>,
) -> Result<BTreeMap<usize, Option<Vec<String>>>, StoreError> {
    let rows: Vec<ToldRow> = statement(
        "SELECT entity, external_id FROM unnest($2) AS known (entity), LATERAL (
             SELECT external_id FROM told_changes
             WHERE connection_id = $1 AND told_changes.entity = known.entity AND sync_id IS NULL
             ORDER BY external_id NULLS FIRST LIMIT $3
         ) AS told
         WHERE NOT EXISTS (
             SELECT FROM told_changes WHERE connection_id = $1 AND sync_id IS NULL AND due_at > now()
         )",
    )
    .bind::<diesel::sql_types::Uuid, _>(of.connection_id.uuid())
    .bind::<Array<Text>, _>(of.entities)
    .bind::<BigInt, _>(i64::try_from(SINGLY_AT_MOST + 1).unwrap_or(i64::MAX))
    .load(conn)
    .await?;
    let mut told: BTreeMap<usize, Option<Vec<String>>> = BTreeMap::new();
    for row in rows {
        let Some(place) = of.entities.iter().position(|known| *known == row.entity) else {
            continue;
        };
        let of_entity = told.entry(place).or_insert_with(|| Some(Vec::new()));
        match (row.external_id, &mut *of_entity) {
            (Some(id), Some(ids)) if ids.len() < SINGLY_AT_MOST => ids.push(id),
            _ => *of_entity = None,
        }
    }
    // A sync holds no more targets than this.
    let mut left = Targets::AT_MOST;
    for ids in told.values_mut() {
        match ids.as_ref().map(Vec::len) {
            Some(count) if count <= left => left -= count,
            _ => *ids = None,
        }
    }
    Ok(told)
}
