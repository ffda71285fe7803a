//! Making connections: credentials are tried at the vendor, then sealed.

use std::sync::Arc;

use rail_shared::domain::{ConnectionId, ConnectionStatus, MemoryVault};
use rail_shared::secrets::{Binding, Sealed};
use rail_shared::store::connections::{self, NewConnection};
use rail_shared::store::{audit, events, grants, sync_schedules};
use serde_json::Value;

use super::credentials::seal;
use super::probe::{Probing, first_standing};
use super::{connected, etag, shown};
use crate::http::answer::Created;
use crate::http::auth::Caller;
use crate::http::idempotency::{Entry, Once, Stop};
use crate::routes::BASE;
use crate::schemas::connection::Connection;
use crate::schemas::connection_asked::ConnectionMeant;
use crate::state::Api;
use crate::webhooks;

/// Why a connection that nobody authorized yet is not ACTIVE.
const UNAUTHORIZED: &str =
    "A person has to authorize it at the vendor; POST …/authorize says where.";

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
    webhooks::wake(api, &listening).await;
    answered
}
