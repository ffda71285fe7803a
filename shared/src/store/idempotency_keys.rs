//! The answers of requests that came with a key of the caller's, kept for whoever repeats one.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use super::schema::idempotency_keys;
use crate::domain::TenantId;

/// A request and its answer, sealed.
#[derive(Debug, Clone)]
pub struct KeptAnswer {
    /// The envelope.
    pub sealed: Vec<u8>,
    /// The id of the master key that wraps it.
    pub sealed_by: String,
}

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The transaction's own from now on.
    Now,
    /// Another request's, whose answer is kept.
    Before,
}

/// What is kept for a key of a tenant.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    key: &str,
) -> Result<Option<KeptAnswer>, StoreError> {
    let row: Option<(Option<Vec<u8>>, Option<String>)> = idempotency_keys::table
        .find((tenant.uuid(), key))
        .select((idempotency_keys::sealed_answer, idempotency_keys::sealed_by))
        .first(conn)
        .await
        .optional()?;
    Ok(row.and_then(|(sealed, sealed_by)| {
        Some(KeptAnswer {
            sealed: sealed?,
            sealed_by: sealed_by?,
        })
    }))
}

/// Takes a key: the first statement of the transaction that its request makes something in. Waits while another
/// transaction has it, to see whether that one is committed.
///
/// # Errors
/// When the database refuses.
pub async fn take(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    key: &str,
) -> Result<Taken, StoreError> {
    let taken = diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::tenant_id.eq(tenant.uuid()),
            idempotency_keys::key.eq(key),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(if taken == 1 {
        Taken::Now
    } else {
        Taken::Before
    })
}

/// Keeps the answer of a key that was taken: the last statement of that transaction.
///
/// # Errors
/// When the database refuses.
pub async fn keep(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    key: &str,
    answer: &KeptAnswer,
) -> Result<(), StoreError> {
    diesel::update(idempotency_keys::table.find((tenant.uuid(), key)))
        .set((
            idempotency_keys::sealed_answer.eq(&answer.sealed),
            idempotency_keys::sealed_by.eq(&answer.sealed_by),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets keys older than a day, the oldest first; returns how many.
///
/// # Errors
/// When the database refuses.
pub async fn forget_old(conn: &mut AsyncPgConnection, at_most: i64) -> Result<usize, StoreError> {
    Ok(diesel::sql_query(
        "DELETE FROM idempotency_keys WHERE (tenant_id, key) IN (
             SELECT tenant_id, key FROM idempotency_keys WHERE created_at < now() - interval '24 hours'
             ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
         )",
    )
    .bind::<diesel::sql_types::BigInt, _>(at_most)
    .execute(conn)
    .await?)
}
