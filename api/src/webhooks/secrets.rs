//! The secrets of a webhook: what it signs with, and the headers that it sends.

use std::collections::BTreeMap;

use rail_shared::domain::{TenantId, WebhookId};
use rail_shared::secrets::{Sealed, SecretString, WebhookBinding, WebhookSecrets};
use rail_shared::store::StoreError;
use rail_shared::store::webhooks::WebhookRow;

use crate::http::problem::Problem;
use crate::state::Api;

/// Headers with a change made: null removes.
pub fn merged(
    mut headers: BTreeMap<String, SecretString>,
    change: BTreeMap<String, Option<SecretString>>,
) -> BTreeMap<String, SecretString> {
    for (name, value) in change {
        match value {
            Some(value) => headers.insert(name, value),
            None => headers.remove(&name),
        };
    }
    headers
}

fn binding(tenant_id: TenantId, webhook_id: WebhookId) -> WebhookBinding {
    WebhookBinding {
        tenant_id,
        webhook_id,
    }
}

/// Seals them.
///
/// # Errors
/// When they cannot be written.
pub fn seal(
    api: &Api,
    tenant: TenantId,
    id: WebhookId,
    secrets: &WebhookSecrets,
) -> Result<Sealed, Problem> {
    let sealed = secrets.seal(&api.key_ring, binding(tenant, id));
    Ok(sealed.map_err(StoreError::from)?)
}

/// Opens them.
///
/// # Errors
/// When they do not open.
pub fn open(api: &Api, row: &WebhookRow) -> Result<WebhookSecrets, Problem> {
    let of = binding(row.tenant_id, row.id);
    let opened = WebhookSecrets::open(&api.key_ring, &row.sealed, &row.sealed_by, of);
    match opened {
        Ok(Some(secrets)) => Ok(secrets),
        Ok(None) => Err(Problem::internal()),
        Err(error) => {
            tracing::error!(webhook.id = %row.id, %error, "the secrets of a webhook do not open");
            Err(Problem::internal())
        }
    }
}
