//! The credentials of a connection: sealed at rest, opened in memory.

use std::sync::Arc;

use rail_shared::secrets::{Binding, Sealed};
use rail_shared::store::connections::ConnectionRow;
use rail_shared::store::{StoreError, grants};
use serde_json::{Map, Value};

use crate::http::problem::Problem;
use crate::state::Api;

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

/// The vault of a connection that is stored.
pub fn vault_of(api: &Api, row: &ConnectionRow) -> Arc<grants::StoredVault> {
    let key_ring = Arc::clone(&api.key_ring);
    Arc::new(grants::StoredVault::new(
        api.store.clone(),
        key_ring,
        binding_of(row),
    ))
}
