//! What one transaction changed of a stream, numbered in the order of commit: what the feed of changes follows.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use super::statement::statement;
use crate::domain::{SyncId, TenantId};

/// A change set whose records are being written.
#[derive(Debug, Clone)]
#[must_use = "whoever follows the feed does not see the records of a change set that is not closed"]
pub struct ChangeSet {
    /// The number its records carry.
    pub id: i64,
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which entity.
    pub entity: String,
    /// Of which stream.
    pub stream_id: i64,
    /// By which sync; `None` for what the tenant puts in itself.
    pub sync_id: Option<SyncId>,
    /// Whether snapshots may hold the versions that it overwrites.
    pub(super) has_snapshots: bool,
}

#[derive(QueryableByName)]
struct Drawn {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Bool)]
    has_snapshots: bool,
}

/// Draws the number that the records of a change set will carry.
pub(super) async fn open(
    conn: &mut AsyncPgConnection,
    tenant_id: TenantId,
    entity: &str,
    stream_id: i64,
    sync_id: Option<SyncId>,
) -> Result<ChangeSet, StoreError> {
    let drawn: Drawn = statement(
        "SELECT nextval('change_sets_id_seq') AS id,
                coalesce((SELECT has_snapshots FROM streams WHERE id = $1), false) AS has_snapshots",
    )
    .bind::<BigInt, _>(stream_id)
    .get_result(conn)
    .await?;
    Ok(ChangeSet {
        id: drawn.id,
        tenant_id,
        entity: entity.to_owned(),
        stream_id,
        sync_id,
        has_snapshots: drawn.has_snapshots,
    })
}

impl ChangeSet {
    /// Gives it the next number of its tenant's entity. The numbers have no gap and stand in the order of commit: the next
    /// one is held until the transaction ends, so this is its last statement.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn close(self, conn: &mut AsyncPgConnection) -> Result<(), StoreError> {
        statement(
            "WITH counted AS (
                 INSERT INTO change_counters (tenant_id, entity, last_seq) VALUES ($2, $3, 1)
                 ON CONFLICT (tenant_id, entity) DO UPDATE SET last_seq = change_counters.last_seq + 1
                 RETURNING last_seq
             )
             INSERT INTO change_sets (id, tenant_id, entity, seq, stream_id, sync_id)
             SELECT $1, $2, $3, last_seq, $4, $5 FROM counted",
        )
        .bind::<BigInt, _>(self.id)
        .bind::<diesel::sql_types::Uuid, _>(self.tenant_id.uuid())
        .bind::<Text, _>(self.entity)
        .bind::<BigInt, _>(self.stream_id)
        .bind::<Nullable<diesel::sql_types::Uuid>, _>(self.sync_id.map(SyncId::uuid))
        .execute(conn)
        .await?;
        Ok(())
    }
}
