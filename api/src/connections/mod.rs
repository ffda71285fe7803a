//! Connections: made, changed, tried at their vendor, paused, authorized by a person; and what is asked of one: how far its
//! entities have been read, and how many requests its vendor gets.

pub mod authorize;
pub mod budget;
mod change;
mod create;
pub mod credentials;
pub mod entities;
mod pause;
mod probe;

use poem::http::StatusCode;
use rail_shared::connectors::Connector;
use rail_shared::domain::{ConnectionId, EventType};
use rail_shared::secrets::Binding;
use rail_shared::store::Conn;
use rail_shared::store::connections::{self, ConnectionRow};
use rail_shared::store::events::NewEvent;

pub use change::{change, standing};
pub use create::create;
pub use pause::{Wish, wish};
pub use probe::{Probing, test};

use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::connection::Connection;
use crate::state::Api;
use crate::vendor_webhooks;

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
    let webhook_url = vendor_webhooks::url_of(api, &row);
    Connection::of(row, webhook_url)
}

/// The version of a connection, as ETag.
pub fn etag(row: &ConnectionRow) -> String {
    format!("\"v{}\"", row.version)
}

/// The connector of a connection.
///
/// # Errors
/// 409 when the catalogue does not hold it any more.
pub fn connector(api: &Api, connection: &ConnectionRow) -> Result<Connector, Problem> {
    let connector = api.catalogue.get(&connection.connector_id);
    connector.ok_or_else(|| not_active(connection))
}

/// The problem of a connection whose status does not allow what is asked.
pub fn not_active(connection: &ConnectionRow) -> Problem {
    let reason = connection.status_reason.as_deref().unwrap_or_default();
    let detail = format!("The connection is {}. {reason}", connection.status);
    Problem::new(
        StatusCode::CONFLICT,
        "connection-not-active",
        detail.trim_end(),
    )
}

/// The event that a connection can be used from now on.
fn connected(of: Binding) -> NewEvent {
    NewEvent {
        tenant_id: of.tenant_id,
        connection_id: Some(of.connection_id),
        event_type: EventType::Connected,
        subject_id: of.connection_id.uuid(),
    }
}
