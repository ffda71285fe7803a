//! What an installation needs once: the schema, the first tenant, its first key.

use std::time::Duration;

use rail_shared::domain::Scope;
use rail_shared::queue::pause_after;
use rail_shared::secrets::{ApiKey, ExposeSecret, SecretString};
use rail_shared::store::{Store, StoreError, api_keys, migrate};

/// The tenant that is there from the start.
pub const DEFAULT_TENANT: &str = "default";
/// What the bootstrap key is called.
const BOOTSTRAP: &str = "bootstrap";
/// Every so often a database that stays away is worth another line in the log.
const FAILURES_A_LINE: u32 = 30;

/// Migrates where `migrating` gives the database, then makes the first tenant and, where one is configured, its first
/// key. Goes on until that is done: Postgres may come later than we.
pub async fn prepare(
    store: Store,
    migrating: Option<SecretString>,
    bootstrap_key: Option<SecretString>,
) {
    let mut failures = 0;
    while let Err(error) = once(&store, migrating.as_ref(), bootstrap_key.as_ref()).await {
        if failures % FAILURES_A_LINE == 0 {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "the first tenant cannot be made sure of yet; trying on"
            );
        }
        failures += 1;
        tokio::time::sleep(pause_after(failures).max(Duration::from_millis(100))).await;
    }
}

async fn once(
    store: &Store,
    migrating: Option<&SecretString>,
    bootstrap_key: Option<&SecretString>,
) -> Result<(), StoreError> {
    if let Some(database_url) = migrating {
        for name in migrate(database_url).await? {
            tracing::info!(name, "migrated");
        }
    }
    let mut conn = store.connect().await?;
    let tenant = api_keys::ensure_tenant(&mut conn, DEFAULT_TENANT).await?;
    if let Some(key) = bootstrap_key {
        let digest = ApiKey::presented(key.expose_secret()).digest();
        api_keys::ensure(&mut conn, tenant, BOOTSTRAP, &digest, Scope::ALL).await?;
    }
    Ok(())
}
