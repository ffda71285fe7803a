//! Making connections: credentials are tried at the vendor, then sealed.

use std::sync::Arc;

use rail_shared::domain::{ConnectionId, ConnectionStatus, EventType, MemoryVault};
use rail_shared::secrets::{Binding, Sealed};
use rail_shared::store::connections::{self, ConnectionRow, NewConnection};
use rail_shared::store::events::{self, NewEvent};
use rail_shared::store::{Conn, StoreError, audit, grants, sync_schedules};
use serde_json::{Map, Value};

use crate::answer::Created;
use crate::auth::Caller;
use crate::idempotency::{Entry, Once, Stop};
use crate::probing::{Probing, first_standing};
use crate::problem::Problem;
use crate::receiving;
use crate::routes::BASE;
use crate::schemas::connection::Connection;
use crate::schemas::connection_asked::ConnectionMeant;
use crate::state::Api;
use crate::telling;

/// Why a connection that nobody authorized yet is not ACTIVE.
const UNAUTHORIZED: &str =
    "A person has to authorize it at the vendor; POST …/authorize says where.";

/// A connection of the caller's tenant.
///
/// # Errors
/// 404 when there is none.
pub async fn find(
    conn: &mut Conn,
    caller: &Caller,
    id: ConnectionId,
) -> Result<ConnectionRow, Problem> {
    let found = connections::find(conn, caller.tenant(), id).await?;
    found.ok_or_else(|| Problem::not_found("connection"))
}

/// A connection as it is answered.
pub fn shown(api: &Api, row: ConnectionRow) -> Connection {
    let webhook_url = receiving::url_of(api, &row);
    Connection::of(row, webhook_url)
}

/// The version of a connection, as ETag.
pub fn etag(row: &ConnectionRow) -> String {
    format!("\"v{}\"", row.version)
}

/// Makes a connection.
///
/// # Errors
/// 422 `credentials-rejected` when the vendor does not accept the credentials: nothing is stored then, unless the refresh
/// token among them was used up and its successor would be lost.
pub async fn create(
    api: &Api,
    caller: &Caller,
    meant: ConnectionMeant,
    probing: Probing,
    entry: &Entry<'_>,
) -> Result<Once<Created<Connection>>, Stop> {
    let ConnectionMeant {
        connector,
        name,
        credentials,
        config,
    } = meant;
    let vault = Arc::new(MemoryVault::default());
    let (status, reason) = match probing {
        _ if connector.needs_consent(&credentials) => (
            ConnectionStatus::PendingAuthorization,
            Some(UNAUTHORIZED.to_owned()),
        ),
        Probing::Wanted => {
            first_standing(api, &connector, &credentials, &config.settings, &vault).await?
        }
        Probing::Skipped => (ConnectionStatus::Active, None),
    };
    let id = ConnectionId::new();
    let binding = Binding {
        tenant_id: caller.tenant(),
        connection_id: id,
    };
    let Sealed { envelope, by } = seal(api, binding, &credentials)?;
    let new = NewConnection {
        id,
        tenant_id: caller.tenant(),
        connector_id: connector.id(),
        name: &name,
        status,
        status_reason: reason.as_deref(),
        sealed_credentials: &envelope,
        sealed_by: &by,
        settings: &Value::Object(config.settings),
        sync_interval: config.interval,
        auto_sync: config.auto_sync,
        tolerance: config.tolerance,
        created_at: api.clock.now(),
    };
    let mut transaction = entry.begin().await?;
    let mut row = connections::create(&mut transaction, &new).await?;
    let (interval, auto_sync) = (row.sync_interval.as_deref(), row.auto_sync);
    row.next_sync_at =
        sync_schedules::reschedule(&mut transaction, row.tenant_id, id, interval, auto_sync)
            .await?;
    audit::write(
        &mut transaction,
        caller.actor(),
        "connection.create",
        &id.to_string(),
    )
    .await?;
    if let Some(grant) = vault.kept().grant {
        grants::replace(&mut transaction, &api.key_ring, binding, &grant).await?;
    }
    let mut listening = Vec::new();
    if status != ConnectionStatus::PendingAuthorization {
        listening = events::append(&mut transaction, &[connected(binding)]).await?;
    }
    let (location, etag) = (format!("{BASE}/connections/{id}"), etag(&row));
    let made = Created::new(shown(api, row)).at(location).tagged(etag);
    let answered = entry.commit(transaction, made).await;
    telling::wake(api, &listening).await;
    answered
}

/// The event that a connection can be used from now on.
pub fn connected(of: Binding) -> NewEvent {
    NewEvent {
        tenant_id: of.tenant_id,
        connection_id: Some(of.connection_id),
        event_type: EventType::Connected,
        subject_id: of.connection_id.uuid(),
    }
}

/// What the secrets of a connection are bound to.
pub fn binding_of(row: &ConnectionRow) -> Binding {
    Binding {
        tenant_id: row.tenant_id,
        connection_id: row.id,
    }
}

/// Seals credentials.
///
/// # Errors
/// When they cannot be written.
pub fn seal(
    api: &Api,
    binding: Binding,
    credentials: &Map<String, Value>,
) -> Result<Sealed, Problem> {
    let plain = serde_json::to_vec(credentials).map_err(StoreError::from)?;
    Ok(api.key_ring.seal(&plain, binding))
}

/// Opens the credentials of a connection.
///
/// # Errors
/// When they do not open.
pub fn open(api: &Api, row: &ConnectionRow) -> Result<Map<String, Value>, Problem> {
    let opened = api
        .key_ring
        .open(&row.sealed_credentials, &row.sealed_by, binding_of(row));
    let plain = opened.map_err(|error| {
        tracing::error!(connection.id = %row.id, %error, "credentials do not open");
        Problem::internal()
    })?;
    Ok(serde_json::from_slice(&plain).map_err(StoreError::from)?)
}
