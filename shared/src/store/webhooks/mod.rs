//! Webhooks: where a tenant's events are sent to, and how far each was told of them.

mod attempts;
mod following;
mod notes;
mod rows;
mod wake;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use self::rows::AskedColumns;
use super::schema::webhooks;
use super::statement::statement;
use super::{Listed, PageAsk, StoreError, events};
use crate::domain::{ConnectionId, DeliveryOutcome, JobKind, TenantId, WebhookId, WebhookStatus};

pub use attempts::{AttemptRow, forget_old, list_attempts, resend, resend_given_up};
pub use following::{
    Lane, Resend, advance, behind, disable, due_resends, forget_claims, lanes_behind, lanes_of,
    open, place, rest, rest_left, version,
};
pub use notes::{Note, OfLane, note};
pub use rows::{Asked, WebhookRow};
pub use wake::{Whose, Woken, wake};

/// Writes a new webhook, which gets what happens from now on, and its delivery job, which waits.
///
/// # Errors
/// When the database refuses.
pub async fn create(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: WebhookId,
    asked: &Asked<'_>,
    at: DateTime<Utc>,
) -> Result<WebhookRow, StoreError> {
    let reach = events::reach(conn, tenant).await?;
    let row = diesel::insert_into(webhooks::table)
        .values((
            webhooks::id.eq(id.uuid()),
            webhooks::tenant_id.eq(tenant.uuid()),
            webhooks::read_seq.eq(reach.last),
            webhooks::created_at.eq(at),
            webhooks::updated_at.eq(at),
            AskedColumns::from(asked),
        ))
        .returning(WebhookRow::as_returning())
        .get_result(conn)
        .await?;
    statement(
        "INSERT INTO jobs (id, tenant_id, kind, due_at) VALUES ($1, $2, $3, now() + interval '100 years')",
    )
    .bind::<sql_types::Uuid, _>(id.uuid())
    .bind::<sql_types::Uuid, _>(tenant.uuid())
    .bind::<sql_types::Text, _>(JobKind::Delivery.as_str())
    .execute(conn)
    .await?;
    Ok(row)
}

/// Writes a webhook anew, as long as it has this version. A receiver that failed is tried again at once.
///
/// # Errors
/// [`StoreError::Stale`] when it was changed meanwhile; when the database refuses.
pub async fn change(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: WebhookId,
    version: i64,
    asked: &Asked<'_>,
) -> Result<WebhookRow, StoreError> {
    hold_job(conn, tenant, id).await?;
    let changed = diesel::update(webhooks::table)
        .filter(
            webhooks::tenant_id
                .eq(tenant.uuid())
                .and(webhooks::id.eq(id.uuid()))
                .and(webhooks::version.eq(version)),
        )
        .set((
            AskedColumns::from(asked),
            webhooks::failures.eq(0),
            webhooks::failing_since.eq(None::<DateTime<Utc>>),
            webhooks::retry_at.eq(None::<DateTime<Utc>>),
            webhooks::version.eq(version + 1),
            webhooks::updated_at.eq(diesel::dsl::now),
        ))
        .returning(WebhookRow::as_returning())
        .get_result(conn)
        .await
        .optional()?
        .ok_or(StoreError::Stale)?;
    hurry(conn, id).await?;
    Ok(changed)
}

/// Holds a webhook back, or lets it go on from its place as if its receiver had never failed. `None` when the tenant has no
/// such webhook.
///
/// # Errors
/// When the database refuses.
pub async fn set_status(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: WebhookId,
    status: WebhookStatus,
) -> Result<Option<WebhookRow>, StoreError> {
    hold_job(conn, tenant, id).await?;
    let found = diesel::update(webhooks::table)
        .filter(
            webhooks::tenant_id
                .eq(tenant.uuid())
                .and(webhooks::id.eq(id.uuid())),
        )
        .set((
            webhooks::status.eq(status.as_str()),
            webhooks::status_reason.eq(None::<String>),
            webhooks::failures.eq(0),
            webhooks::failing_since.eq(None::<DateTime<Utc>>),
            webhooks::retry_at.eq(None::<DateTime<Utc>>),
            webhooks::version.eq(webhooks::version + 1),
            webhooks::updated_at.eq(diesel::dsl::now),
        ))
        .returning(WebhookRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    if found.is_some() {
        hurry(conn, id).await?;
    }
    Ok(found)
}

/// Holds the job of a webhook until the transaction ends, as whoever works on it does before the webhook's own rows.
async fn hold_job(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: WebhookId,
) -> Result<(), StoreError> {
    statement("SELECT FROM jobs WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE")
        .bind::<sql_types::Uuid, _>(tenant.uuid())
        .bind::<sql_types::Uuid, _>(id.uuid())
        .execute(conn)
        .await?;
    Ok(())
}

/// How many webhooks a tenant has.
///
/// # Errors
/// When the database refuses.
pub async fn count(conn: &mut AsyncPgConnection, tenant: TenantId) -> Result<i64, StoreError> {
    Ok(webhooks::table
        .filter(webhooks::tenant_id.eq(tenant.uuid()))
        .count()
        .get_result(conn)
        .await?)
}

/// What waits because its receiver failed is due at once.
async fn hurry(conn: &mut AsyncPgConnection, id: WebhookId) -> Result<(), StoreError> {
    statement(
        "WITH lanes AS (
             UPDATE webhook_lanes SET due_at = now() WHERE webhook_id = $1 AND due_at > now()
         )
         UPDATE webhook_resends SET due_at = now() WHERE webhook_id = $1 AND due_at > now()",
    )
    .bind::<sql_types::Uuid, _>(id.uuid())
    .execute(conn)
    .await?;
    Ok(())
}

/// One webhook of a tenant.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: WebhookId,
) -> Result<Option<WebhookRow>, StoreError> {
    Ok(webhooks::table
        .filter(
            webhooks::tenant_id
                .eq(tenant.uuid())
                .and(webhooks::id.eq(id.uuid())),
        )
        .select(WebhookRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// A tenant's webhooks, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    ask: PageAsk,
) -> Result<Listed<WebhookRow>, StoreError> {
    let mut query = webhooks::table
        .filter(webhooks::tenant_id.eq(tenant.uuid()))
        .order(webhooks::id.desc())
        .limit(ask.probe())
        .select(WebhookRow::as_select())
        .into_boxed();
    if let Some(after) = ask.after {
        query = query.filter(webhooks::id.lt(after));
    }
    Ok(Listed::of(query.load(conn).await?, ask.limit))
}

/// Erases a webhook and its job; returns whether there was one.
///
/// # Errors
/// When the database refuses.
pub async fn erase(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: WebhookId,
) -> Result<bool, StoreError> {
    // The job first: the order in which whoever works on it writes.
    statement("DELETE FROM jobs WHERE tenant_id = $1 AND id = $2 AND kind = 'delivery'")
        .bind::<sql_types::Uuid, _>(tenant.uuid())
        .bind::<sql_types::Uuid, _>(id.uuid())
        .execute(conn)
        .await?;
    let erased = diesel::delete(webhooks::table)
        .filter(
            webhooks::tenant_id
                .eq(tenant.uuid())
                .and(webhooks::id.eq(id.uuid())),
        )
        .execute(conn)
        .await?;
    Ok(erased == 1)
}

#[derive(QueryableByName)]
struct UnknownRow {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// Those among some connections that a tenant does not have.
///
/// # Errors
/// When the database refuses.
pub async fn unknown_connections(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    ids: &[ConnectionId],
) -> Result<Vec<ConnectionId>, StoreError> {
    let unknown: Vec<UnknownRow> = statement(
        "SELECT id FROM unnest($2) AS asked (id)
         WHERE NOT EXISTS (SELECT FROM connections WHERE connections.id = asked.id AND tenant_id = $1)",
    )
    .bind::<sql_types::Uuid, _>(tenant.uuid())
    .bind::<sql_types::Array<sql_types::Uuid>, _>(
        ids.iter().map(|id| id.uuid()).collect::<Vec<_>>(),
    )
    .load(conn)
    .await?;
    Ok(unknown.into_iter().map(|row| row.id.into()).collect())
}
