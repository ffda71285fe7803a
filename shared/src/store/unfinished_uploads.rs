//! Files that runs have begun to write and not ended, so that what a dead worker left of them can be taken away.

use diesel::prelude::*;
use diesel::sql_types::{self, BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::statement::statement;
use super::{Lease, StoreError};
use crate::domain::{RunId, TenantId};

/// Who writes a file: one attempt of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    /// Whose run.
    pub tenant_id: TenantId,
    /// Which.
    pub run_id: RunId,
    /// Of the attempt.
    pub fence: i64,
}

impl From<&Lease> for Writer {
    fn from(lease: &Lease) -> Self {
        Self {
            tenant_id: lease.tenant_id,
            run_id: lease.job_id.into(),
            fence: lease.fence,
        }
    }
}

/// A file that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedUpload {
    /// Who began it.
    pub writer: Writer,
    /// Where, as the export had it then.
    pub destination: Value,
    /// Its name there.
    pub key: String,
    /// What the place knows it by.
    pub token: String,
    /// How often it was tried to be taken away, this time included.
    pub tries: i32,
}

/// Notes a file that is about to be written.
///
/// # Errors
/// When the database refuses.
pub async fn note(
    conn: &mut AsyncPgConnection,
    writer: Writer,
    destination: &Value,
    key: &str,
    token: &str,
) -> Result<(), StoreError> {
    statement(
        "INSERT INTO unfinished_uploads (run_id, fence, key, tenant_id, destination, token)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind::<sql_types::Uuid, _>(writer.run_id.uuid())
    .bind::<BigInt, _>(writer.fence)
    .bind::<sql_types::Text, _>(key)
    .bind::<sql_types::Uuid, _>(writer.tenant_id.uuid())
    .bind::<sql_types::Jsonb, _>(destination)
    .bind::<sql_types::Text, _>(token)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets a file that is whole or gone.
///
/// # Errors
/// When the database refuses.
pub async fn forget(
    conn: &mut AsyncPgConnection,
    writer: Writer,
    key: &str,
    token: &str,
) -> Result<(), StoreError> {
    statement(
        "DELETE FROM unfinished_uploads WHERE run_id = $1 AND fence = $2 AND key = $3 AND token = $4",
    )
        .bind::<sql_types::Uuid, _>(writer.run_id.uuid())
        .bind::<BigInt, _>(writer.fence)
        .bind::<sql_types::Text, _>(key)
        .bind::<sql_types::Text, _>(token)
        .execute(conn)
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct TakenRow {
    #[diesel(sql_type = sql_types::Uuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    run_id: Uuid,
    #[diesel(sql_type = BigInt)]
    fence: i64,
    #[diesel(sql_type = sql_types::Jsonb)]
    destination: Value,
    #[diesel(sql_type = sql_types::Text)]
    key: String,
    #[diesel(sql_type = sql_types::Text)]
    token: String,
    #[diesel(sql_type = sql_types::Integer)]
    tries: i32,
}

/// Files that nobody writes any more: their attempt is not the one that holds the run. Each is given out once, and again
/// after a wait that grows, if it was not forgotten by then.
///
/// # Errors
/// When the database refuses.
pub async fn take_abandoned(
    conn: &mut AsyncPgConnection,
    at_most: i64,
) -> Result<Vec<UnfinishedUpload>, StoreError> {
    // A lease that ran out still counts: whoever claims the run raises its fence.
    let rows: Vec<TakenRow> = statement(
        "WITH abandoned AS (
             SELECT run_id, fence, key, token FROM unfinished_uploads u
             WHERE due_at <= now() AND NOT EXISTS (
                 SELECT FROM jobs j WHERE j.id = u.run_id AND j.fence = u.fence AND j.state = 'RUNNING')
             ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
         )
         UPDATE unfinished_uploads u
         SET tries = tries + 1, due_at = now() + least(interval '1 minute' * 2 ^ least(tries, 12), interval '6 hours')
         FROM abandoned a WHERE u.run_id = a.run_id AND u.fence = a.fence AND u.key = a.key AND u.token = a.token
         RETURNING u.tenant_id, u.run_id, u.fence, u.destination, u.key, u.token, u.tries",
    )
    .bind::<BigInt, _>(at_most)
    .get_results(conn)
    .await?;
    Ok(rows.into_iter().map(UnfinishedUpload::from).collect())
}

impl From<TakenRow> for UnfinishedUpload {
    fn from(row: TakenRow) -> Self {
        let TakenRow {
            tenant_id,
            run_id,
            fence,
            destination,
            key,
            token,
            tries,
        } = row;
        Self {
            writer: Writer {
                tenant_id: tenant_id.into(),
                run_id: run_id.into(),
                fence,
            },
            destination,
            key,
            token,
            tries,
        }
    }
}
