//! Changing connections: what is changed is tried at the vendor first, where it is credentials.

use std::sync::Arc;

use rail_shared::domain::{ConnectionStatus, MemoryVault, Vault};
use rail_shared::store::connections::{self, Changed, ConnectionRow};
use rail_shared::store::{audit, events, grants, sync_schedules};
use serde_json::{Map, Value};

use super::connected;
use super::credentials::{binding_of, open, seal, vault_of};
use super::probe::{Found, Probing, first_standing, probe, standing_after};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::connection_asked::{PatchMeant, Standing};
use crate::state::Api;
use crate::webhooks;

/// What a change of a connection is judged against.
///
/// # Errors
/// When its credentials do not open.
pub fn standing<'a>(api: &'a Api, row: &ConnectionRow) -> Result<Standing<'a>, Problem> {
    let mut config = row.settings.as_object().cloned().unwrap_or_default();
    config.insert("autoSync".to_owned(), row.auto_sync.into());
    if let Some(interval) = &row.sync_interval {
        config.insert("syncInterval".to_owned(), interval.as_str().into());
    }
    for (name, fraction) in [
        ("maxDeleteFraction", row.max_delete_fraction),
        ("maxErrorRate", row.max_error_rate),
    ] {
        if let Some(fraction) = fraction {
            config.insert(name.to_owned(), fraction.into());
        }
    }
    Ok(Standing {
        connector: api.catalogue.get(&row.connector_id),
        config,
        credentials: open(api, row)?,
        references: &api.references,
    })
}

/// Changes a connection that is still as `row` says.
///
/// # Errors
/// 422 `credentials-rejected`; 409 `changed-meanwhile`.
pub async fn change(
    api: &Api,
    caller: &Caller,
    row: ConnectionRow,
    meant: PatchMeant,
    probing: Probing,
) -> Result<ConnectionRow, Problem> {
    let PatchMeant {
        name,
        config,
        credentials,
    } = meant;
    let settings = match &config {
        Some(config) => Value::Object(config.settings.clone()),
        None => row.settings.clone(),
    };
    let (mut status, mut reason) = (row.status, row.status_reason.clone());
    let (mut sealed, mut other_tokens) = (None, None);
    if let Some(credentials) = &credentials {
        let other = other_tokens_than(api, &row, credentials)?;
        let found = tried(api, &row, credentials, &settings, probing, other.as_ref()).await?;
        if let Some(found) = found
            && status != ConnectionStatus::Paused
        {
            (status, reason) = found;
        }
        other_tokens = other;
        sealed = Some(seal(api, binding_of(&row), credentials)?);
    }
    let was_pending = row.status == ConnectionStatus::PendingAuthorization;
    let touches_syncs = config.is_some() || credentials.is_some();
    let (interval, auto_sync, tolerance) = match config {
        Some(config) => (
            config.interval.map(|interval| interval.to_string()),
            config.auto_sync,
            config.tolerance,
        ),
        None => (row.sync_interval.clone(), row.auto_sync, row.tolerance()),
    };
    let changed = Changed {
        name: name.as_deref().unwrap_or(&row.name),
        status,
        status_reason: reason.as_deref(),
        sealed: sealed
            .as_ref()
            .map(|sealed| (&sealed.envelope[..], &sealed.by[..])),
        settings: &settings,
        sync_interval: interval.as_deref(),
        auto_sync,
        tolerance,
        updated_at: api.clock.now(),
    };
    let mut transaction = api.store.begin().await?;
    if touches_syncs {
        let interval = interval.as_deref();
        sync_schedules::reschedule(&mut transaction, row.tenant_id, row.id, interval, auto_sync)
            .await?;
    }
    let row = connections::change(
        &mut transaction,
        caller.tenant(),
        row.id,
        row.version,
        &changed,
    )
    .await?;
    match other_tokens.map(|vault| vault.kept().grant) {
        Some(Some(grant)) => {
            grants::replace(&mut transaction, &api.key_ring, binding_of(&row), &grant).await?;
        }
        Some(None) => grants::forget(&mut transaction, row.id).await?,
        None => {}
    }
    audit::write(
        &mut transaction,
        caller.actor(),
        "connection.update",
        &row.id.to_string(),
    )
    .await?;
    let mut listening = Vec::new();
    if was_pending && row.status != ConnectionStatus::PendingAuthorization {
        let connected = connected(binding_of(&row));
        listening = events::append(&mut transaction, &[connected]).await?;
    }
    transaction.commit().await?;
    webhooks::wake(api, &listening).await;
    Ok(row)
}

/// A vault for what is fetched with these credentials, where they bring other tokens than the connection has.
fn other_tokens_than(
    api: &Api,
    row: &ConnectionRow,
    credentials: &Map<String, Value>,
) -> Result<Option<Arc<MemoryVault>>, Problem> {
    let Some(connector) = api.catalogue.get(&row.connector_id) else {
        return Ok(None);
    };
    let before = open(api, row)?;
    let same = connector.same_tokens(&before, credentials);
    Ok((!same).then(Arc::default))
}

/// Where a connection stands with other credentials, as far as they say anything of it.
async fn tried(
    api: &Api,
    row: &ConnectionRow,
    credentials: &Map<String, Value>,
    settings: &Value,
    probing: Probing,
    other_tokens: Option<&Arc<MemoryVault>>,
) -> Result<Option<Found>, Problem> {
    let Some(connector) = api.catalogue.get(&row.connector_id) else {
        return Ok(None);
    };
    let is_pending = row.status == ConnectionStatus::PendingAuthorization;
    if is_pending && connector.needs_consent(credentials) {
        return Ok(None);
    }
    if probing == Probing::Skipped {
        // They are believed, as those of a new connection are.
        return Ok(is_pending.then_some((ConnectionStatus::Active, None)));
    }
    let settings = settings.as_object().cloned().unwrap_or_default();
    // There is none that is good and could be lost.
    let has_none = is_pending || row.status == ConnectionStatus::ReauthRequired;
    if has_none && let Some(vault) = other_tokens {
        let found = first_standing(api, &connector, credentials, &settings, vault).await;
        return found.map(Some);
    }
    let vault: Arc<dyn Vault> = match other_tokens {
        Some(vault) => Arc::<MemoryVault>::clone(vault),
        None => vault_of(api, row),
    };
    let tried = probe(api, &connector, credentials, &settings, vault).await;
    standing_after(tried).map(Some)
}
