//! Finding snapshots: those whose sync is COMPLETED, and no others.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::super::statement::statement;
use super::super::{Listed, PageAsk, StoreError};
use super::Part;
use crate::domain::{ConnectionId, SnapshotId, TenantId};

/// A snapshot, without its records.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Identity, the same number as its sync's.
    pub id: SnapshotId,
    /// Of which connection.
    pub connection_id: ConnectionId,
    /// When a worker first began to make it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was whole.
    pub completed_at: Option<DateTime<Utc>>,
    /// Its parts, by entity.
    pub parts: Vec<PartRow>,
}

/// One entity of a snapshot.
#[derive(Debug, Clone, QueryableByName)]
pub struct PartRow {
    /// The snapshot it belongs to.
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub snapshot_id: Uuid,
    /// The number that its records carry.
    #[diesel(sql_type = BigInt)]
    pub no: i64,
    /// The stream whose versions they are.
    #[diesel(sql_type = BigInt)]
    pub stream_id: i64,
    /// The entity.
    #[diesel(sql_type = Text)]
    pub entity: String,
    /// Records in it.
    #[diesel(sql_type = BigInt)]
    pub records: i64,
    /// Records of the vendor's that could not be stored, and so are not in it.
    #[diesel(sql_type = BigInt)]
    pub errors: i64,
    /// A SHA-256 of what it holds; see [`seal`](super::seal).
    #[diesel(sql_type = Binary)]
    pub digest: Vec<u8>,
}

impl PartRow {
    /// By which its records are read.
    #[must_use]
    pub const fn part(&self) -> Part {
        Part {
            no: self.no,
            stream_id: self.stream_id,
        }
    }
}

#[derive(QueryableByName)]
struct SnapshotRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    connection_id: Uuid,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    started_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finished_at: Option<DateTime<Utc>>,
}

/// One snapshot of a tenant, on this connection where one is given.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: Option<ConnectionId>,
    id: SnapshotId,
) -> Result<Option<Snapshot>, StoreError> {
    let rows: Vec<SnapshotRow> = statement(
        "SELECT s.id, s.connection_id, j.started_at, j.finished_at FROM snapshots s JOIN jobs j ON j.id = s.id
         WHERE s.tenant_id = $1 AND ($2::uuid IS NULL OR s.connection_id = $2) AND s.id = $3 AND j.state = 'COMPLETED'",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(connection.map(ConnectionId::uuid))
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .load(conn)
    .await?;
    Ok(with_parts(conn, rows).await?.pop())
}

/// The snapshots of a connection, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    ask: PageAsk,
) -> Result<Listed<Snapshot>, StoreError> {
    let rows: Vec<SnapshotRow> = statement(
        "SELECT s.id, s.connection_id, j.started_at, j.finished_at FROM snapshots s JOIN jobs j ON j.id = s.id
         WHERE s.tenant_id = $1 AND s.connection_id = $2 AND ($3::uuid IS NULL OR s.id < $3) AND j.state = 'COMPLETED'
         ORDER BY s.id DESC LIMIT $4",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .bind::<Nullable<diesel::sql_types::Uuid>, _>(ask.after)
    .bind::<BigInt, _>(ask.probe())
    .load(conn)
    .await?;
    let listed = Listed::of(rows, ask.limit);
    Ok(Listed {
        rows: with_parts(conn, listed.rows).await?,
        more: listed.more,
    })
}

async fn with_parts(
    conn: &mut AsyncPgConnection,
    rows: Vec<SnapshotRow>,
) -> Result<Vec<Snapshot>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut parts: Vec<PartRow> = statement(
        "SELECT p.snapshot_id, p.no, p.stream_id, s.entity, p.records, p.errors, p.digest
         FROM snapshot_parts p JOIN streams s ON s.id = p.stream_id WHERE p.snapshot_id = ANY($1) ORDER BY s.entity",
    )
    .bind::<Array<diesel::sql_types::Uuid>, _>(ids)
    .load(conn)
    .await?;
    let with_parts = |row: SnapshotRow| {
        let (of_this, others) = parts.drain(..).partition(|part| part.snapshot_id == row.id);
        parts = others;
        Snapshot {
            id: row.id.into(),
            connection_id: row.connection_id.into(),
            started_at: row.started_at,
            completed_at: row.finished_at,
            parts: of_this,
        }
    };
    Ok(rows.into_iter().map(with_parts).collect())
}
