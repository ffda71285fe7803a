//! Snapshots: immutable copies of a connection's entities, each made by a SNAPSHOT sync and there for callers once that
//! sync is COMPLETED. An entity of a snapshot is a part: which version of each record it holds. The bytes of a version
//! are stored once for a stream, however many snapshots hold it and whether it is the current one or not.

mod collect;
mod compare;
mod find;
mod making;
mod reading;
mod versions;
mod write;

use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use super::statement::statement;
use crate::domain::{ConnectionId, SnapshotId, TenantId};

pub use collect::{Left, collect, discard_unfinished};
pub use compare::{DifferenceRow, Differences, count_differences, differences};
pub use find::{PartRow, Snapshot, find, list};
pub use making::{Making, begin, open_part, seal};
pub use reading::{SnapshotRecordRow, page, rows};
pub(super) use versions::make_way;
pub(super) use write::write;

/// A part: the number that its records carry, and the stream whose versions they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its number.
    pub no: i64,
    /// The stream.
    pub stream_id: i64,
}

/// Deletes a snapshot that is there: nobody sees it any more, and upkeep reclaims what only it held. `false` when there is
/// none. To be called in a transaction.
///
/// # Errors
/// When the database refuses.
pub async fn delete(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    connection: ConnectionId,
    id: SnapshotId,
) -> Result<bool, StoreError> {
    // The connection first: the order in which it is erased.
    statement("SELECT FROM connections WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE")
        .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
        .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
        .execute(conn)
        .await?;
    let deleted = statement(
        "DELETE FROM snapshots s USING jobs j
         WHERE s.tenant_id = $1 AND s.connection_id = $2 AND s.id = $3 AND j.id = s.id AND j.state = 'COMPLETED'",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant.uuid())
    .bind::<diesel::sql_types::Uuid, _>(connection.uuid())
    .bind::<diesel::sql_types::Uuid, _>(id.uuid())
    .execute(conn)
    .await?;
    Ok(deleted == 1)
}

/// Holds a stream until the transaction ends, against whoever writes, keeps or reclaims versions of its records.
async fn hold(conn: &mut AsyncPgConnection, stream: i64) -> Result<(), StoreError> {
    statement("SELECT FROM streams WHERE id = $1 FOR NO KEY UPDATE")
        .bind::<diesel::sql_types::BigInt, _>(stream)
        .execute(conn)
        .await?;
    Ok(())
}
