//! Connections: a connector, sealed credentials, settings.

mod change;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

pub use change::{Changed, authorize, change, reject_credentials, set_status};

use super::schema::connections;
use super::{Listed, PageAsk, StoreError};
use crate::domain::{ConnectionId, ConnectionStatus, SyncInterval, TenantId, Tolerance};

/// A row, credentials still sealed.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = connections)]
pub struct ConnectionRow {
    /// Identity.
    #[diesel(deserialize_as = Uuid)]
    pub id: ConnectionId,
    /// Whose it is.
    #[diesel(deserialize_as = Uuid)]
    pub tenant_id: TenantId,
    /// Which connector of the catalogue.
    pub connector_id: String,
    /// What its owner calls it.
    pub name: String,
    /// Where it stands.
    #[diesel(deserialize_as = String)]
    pub status: ConnectionStatus,
    /// Why it is not ACTIVE.
    pub status_reason: Option<String>,
    /// The envelope.
    pub sealed_credentials: Vec<u8>,
    /// The id of the master key that wraps the envelope's key.
    pub sealed_by: String,
    /// The connector's own settings.
    pub settings: Value,
    /// As written, for example `15m`.
    pub sync_interval: Option<String>,
    /// Whether it syncs by itself.
    pub auto_sync: bool,
    /// When it syncs by itself next.
    pub next_sync_at: Option<DateTime<Utc>>,
    /// When a sync last completed.
    pub last_sync_at: Option<DateTime<Utc>>,
    /// The greatest part of an entity that a sync may delete because it was not seen any more.
    pub max_delete_fraction: Option<f64>,
    /// The greatest part of what is fetched that may be impossible to store.
    pub max_error_rate: Option<f64>,
    /// Scheduled syncs in a row that ended FAILED.
    pub consecutive_failures: i32,
    /// Raised by every change.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl ConnectionRow {
    /// What may go wrong in its syncs.
    #[must_use]
    pub fn tolerance(&self) -> Tolerance {
        Tolerance {
            max_delete_fraction: self.max_delete_fraction,
            max_error_rate: self.max_error_rate,
        }
    }
}

/// What creation writes.
#[derive(Debug)]
pub struct NewConnection<'a> {
    /// Identity, chosen before sealing since the seal names it.
    pub id: ConnectionId,
    /// Whose it will be.
    pub tenant_id: TenantId,
    /// Which connector.
    pub connector_id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Where it begins.
    pub status: ConnectionStatus,
    /// Why, where it is not ACTIVE.
    pub status_reason: Option<&'a str>,
    /// The envelope.
    pub sealed_credentials: &'a [u8],
    /// The master key that wraps it.
    pub sealed_by: &'a str,
    /// The connector's own settings.
    pub settings: &'a Value,
    /// How often it syncs by itself.
    pub sync_interval: Option<SyncInterval>,
    /// Whether it does.
    pub auto_sync: bool,
    /// What may go wrong in its syncs.
    pub tolerance: Tolerance,
    /// When it is created.
    pub created_at: DateTime<Utc>,
}

/// Writes a new connection; when it syncs by itself first is set by
/// [`reschedule`](super::sync_schedules::reschedule).
///
/// # Errors
/// When the database refuses.
pub async fn create(
    conn: &mut AsyncPgConnection,
    new: &NewConnection<'_>,
) -> Result<ConnectionRow, StoreError> {
    Ok(diesel::insert_into(connections::table)
        .values((
            connections::id.eq(new.id.uuid()),
            connections::tenant_id.eq(new.tenant_id.uuid()),
            connections::connector_id.eq(new.connector_id),
            connections::name.eq(new.name),
            connections::status.eq(new.status.as_str()),
            connections::status_reason.eq(new.status_reason),
            connections::sealed_credentials.eq(new.sealed_credentials),
            connections::sealed_by.eq(new.sealed_by),
            connections::settings.eq(new.settings),
            connections::sync_interval.eq(new.sync_interval.map(|interval| interval.to_string())),
            connections::auto_sync.eq(new.auto_sync),
            connections::max_delete_fraction.eq(new.tolerance.max_delete_fraction),
            connections::max_error_rate.eq(new.tolerance.max_error_rate),
            connections::created_at.eq(new.created_at),
            connections::updated_at.eq(new.created_at),
        ))
        .returning(ConnectionRow::as_returning())
        .get_result(conn)
        .await?)
}

/// One connection of a tenant.
///
/// # Errors
/// When the database refuses.
pub async fn find(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ConnectionId,
) -> Result<Option<ConnectionRow>, StoreError> {
    Ok(connections::table
        .filter(
            connections::tenant_id
                .eq(tenant.uuid())
                .and(connections::id.eq(id.uuid())),
        )
        .select(ConnectionRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// One connection, of whichever tenant: for a vendor, who knows nothing of tenants. What it sends proves that it may.
///
/// # Errors
/// When the database refuses.
pub async fn find_for_vendor(
    conn: &mut AsyncPgConnection,
    id: ConnectionId,
) -> Result<Option<ConnectionRow>, StoreError> {
    Ok(connections::table
        .find(id.uuid())
        .select(ConnectionRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// The same as [`find`], held until the transaction ends: no sync of it is accepted meanwhile, since whoever writes one waits for its
/// connection.
///
/// # Errors
/// When the database refuses.
pub async fn hold(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ConnectionId,
) -> Result<Option<ConnectionRow>, StoreError> {
    Ok(connections::table
        .filter(
            connections::tenant_id
                .eq(tenant.uuid())
                .and(connections::id.eq(id.uuid())),
        )
        .for_update()
        .select(ConnectionRow::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// Which connections a list shows.
#[derive(Debug, Clone, Default)]
pub struct Only {
    /// Of this connector.
    pub connector_id: Option<String>,
    /// In this status.
    pub status: Option<ConnectionStatus>,
}

/// A tenant's connections, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    only: &Only,
    ask: PageAsk,
) -> Result<Listed<ConnectionRow>, StoreError> {
    let mut query = connections::table
        .filter(connections::tenant_id.eq(tenant.uuid()))
        .order(connections::id.desc())
        .limit(ask.probe())
        .select(ConnectionRow::as_select())
        .into_boxed();
    if let Some(connector) = &only.connector_id {
        query = query.filter(connections::connector_id.eq(connector));
    }
    if let Some(status) = only.status {
        query = query.filter(connections::status.eq(status.as_str()));
    }
    if let Some(after) = ask.after {
        query = query.filter(connections::id.lt(after));
    }
    Ok(Listed::of(query.load(conn).await?, ask.limit))
}

/// Holds connections until the transaction ends, in one order: connections before jobs is the order in which one is
/// erased too, and transactions that lock in one order never wait for each other in a circle.
///
/// # Errors
/// When the database refuses.
pub async fn lock(conn: &mut AsyncPgConnection, ids: &[ConnectionId]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    connections::table
        .filter(connections::id.eq_any(ids.iter().map(|id| id.uuid())))
        .order(connections::id)
        .for_no_key_update()
        .select(connections::id)
        .load::<Uuid>(conn)
        .await?;
    Ok(())
}

/// Erases a connection with its credentials, streams, records and syncs; returns whether there was one.
///
/// # Errors
/// When the database refuses.
pub async fn erase(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    id: ConnectionId,
) -> Result<bool, StoreError> {
    let erased = diesel::delete(connections::table)
        .filter(
            connections::tenant_id
                .eq(tenant.uuid())
                .and(connections::id.eq(id.uuid())),
        )
        .execute(conn)
        .await?;
    Ok(erased == 1)
}
