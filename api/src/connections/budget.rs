//! How many requests the vendor of a connection gets.

use rail_shared::connectors::Session;
use rail_shared::domain::ConnectionId;

use super::credentials::{open, vault_of};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::budget::Budget;
use crate::state::Api;

/// The budget of a connection of the caller's tenant: that of its account at the vendor.
///
/// # Errors
/// 404 when there is no such connection.
pub async fn find(api: &Api, caller: &Caller, id: ConnectionId) -> Result<Budget, Problem> {
    let mut conn = api.store.connect().await?;
    let connection = super::find(&mut conn, caller, id).await?;
    drop(conn);
    let Some(connector) = api.catalogue.get(&connection.connector_id) else {
        return Ok(Budget::unlimited());
    };
    let credentials = open(api, &connection)?;
    let (credentials, _) = api.references.resolve(credentials);
    let settings = connection.settings.as_object().cloned().unwrap_or_default();
    let session = Session::new(credentials, settings).with_vault(vault_of(api, &connection));
    let source = connector.open(&api.http, session);
    // One that cannot ask its vendor anything is not counted anywhere.
    let Ok(Some(account)) = source.account(&api.budgets).await else {
        return Ok(Budget::unlimited());
    };
    let standing = api.budgets.standing(&account).await;
    Ok(Budget::new(account, standing))
}
