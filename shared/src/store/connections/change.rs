//! What changes of a connection, and where it stands.

use chrono::{DateTime, Utc};
use diesel::define_sql_function;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Integer};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::ConnectionRow;
use crate::domain::{ConnectionId, ConnectionStatus, TenantId, Tolerance};
use crate::secrets::SECRET_AT;
use crate::store::StoreError;
use crate::store::schema::connections;

define_sql_function! {
    /// The bytes from one on, counted from 1.
    fn substring(bytes: Binary, from: Integer) -> Binary
}

/// What a change of settings leaves behind: the whole of what may change, computed from the row that was read.
#[derive(Debug)]
pub struct Changed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it stands.
    pub status: ConnectionStatus,
    /// Why, where it is not ACTIVE.
    pub status_reason: Option<&'a str>,
    /// The envelope and the master key that wraps it, where the credentials change.
    pub sealed: Option<(&'a [u8], &'a str)>,
    /// The connector's own settings.
    pub settings: &'a Value,
    /// How often it syncs by itself.
    pub sync_interval: Option<&'a str>,
    /// Whether it does.
    pub auto_sync: bool,
    /// What may go wrong in its syncs.
    pub tolerance: Tolerance,
    /// When the change is made.
    pub updated_at: DateTime<Utc>,
}

/// Changes a connection that is still at `version`.
///
/// # Errors
/// [`StoreError::Stale`] when it was changed or deleted since.
pub async fn change(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ConnectionId,
    version: i64,
    changed: &Changed<'_>,
) -> Result<ConnectionRow, StoreError> {
    diesel::update(connections::table)
        .filter(
            connections::tenant_id
                .eq(tenant.uuid())
                .and(connections::id.eq(id.uuid()))
                .and(connections::version.eq(version)),
        )
        .set((
            connections::name.eq(changed.name),
            connections::status.eq(changed.status.as_str()),
            connections::status_reason.eq(changed.status_reason),
            changed
                .sealed
                .map(|(envelope, _)| connections::sealed_credentials.eq(envelope)),
            changed.sealed.map(|(_, by)| connections::sealed_by.eq(by)),
            connections::settings.eq(changed.settings),
            connections::sync_interval.eq(changed.sync_interval),
            connections::auto_sync.eq(changed.auto_sync),
            connections::max_delete_fraction.eq(changed.tolerance.max_delete_fraction),
            connections::max_error_rate.eq(changed.tolerance.max_error_rate),
            connections::version.eq(version + 1),
            connections::updated_at.eq(changed.updated_at),
        ))
        .returning(ConnectionRow::as_returning())
        .get_result(conn)
        .await
        .optional()?
        .ok_or(StoreError::Stale)
}

/// Notes that the vendor refused these credentials; returns whether they still are the connection's, whichever master key
/// wraps them: if they were replaced meanwhile, nothing is changed.
///
/// # Errors
/// When the database refuses.
pub async fn reject_credentials(
    conn: &mut AsyncPgConnection,
    id: ConnectionId,
    sealed_credentials: &[u8],
    reason: &str,
) -> Result<bool, StoreError> {
    const FROM: i32 = SECRET_AT as i32 + 1;
    let secret = sealed_credentials.get(SECRET_AT..).unwrap_or_default();
    let changed = diesel::update(connections::table.find(id.uuid()))
        .filter(substring(connections::sealed_credentials, FROM).eq(secret))
        .set((
            connections::status.eq(ConnectionStatus::ReauthRequired.as_str()),
            connections::status_reason.eq(reason),
            connections::version.eq(connections::version + 1),
            connections::updated_at.eq(diesel::dsl::now),
        ))
        .execute(conn)
        .await?;
    Ok(changed == 1)
}

/// Sets where a connection stands after a person authorized it, with its credentials sealed anew.
///
/// # Errors
/// When the database refuses, or there is no such connection.
pub async fn authorize(
    conn: &mut AsyncPgConnection,
    id: ConnectionId,
    status: ConnectionStatus,
    (sealed_credentials, sealed_by): (&[u8], &str),
) -> Result<ConnectionRow, StoreError> {
    Ok(diesel::update(connections::table.find(id.uuid()))
        .set((
            connections::status.eq(status.as_str()),
            connections::status_reason.eq(None::<&str>),
            connections::sealed_credentials.eq(sealed_credentials),
            connections::sealed_by.eq(sealed_by),
            connections::version.eq(connections::version + 1),
            connections::updated_at.eq(diesel::dsl::now),
        ))
        .returning(ConnectionRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Sets where a connection stands, of which the reason is not known or is gone.
///
/// # Errors
/// When the database refuses, or there is no such connection.
pub async fn set_status(
    conn: &mut AsyncPgConnection,
    id: ConnectionId,
    status: ConnectionStatus,
) -> Result<ConnectionRow, StoreError> {
    Ok(diesel::update(connections::table.find(id.uuid()))
        .set((
            connections::status.eq(status.as_str()),
            connections::status_reason.eq(None::<&str>),
            connections::version.eq(connections::version + 1),
            connections::updated_at.eq(diesel::dsl::now),
        ))
        .returning(ConnectionRow::as_returning())
        .get_result(conn)
        .await?)
}
