//! Making webhooks.

use std::collections::BTreeMap;

use rail_shared::domain::WebhookId;
use rail_shared::secrets::{SigningSecret, WebhookSecrets};
use rail_shared::store::audit;
use rail_shared::store::webhooks::{self, Asked};

use super::change::check_connections;
use super::etag;
use super::secrets::{merged, seal};
use crate::http::answer::Created;
use crate::http::auth::Caller;
use crate::http::idempotency::{Entry, Once, Stop};
use crate::http::problem::Problem;
use crate::routes::BASE;
use crate::schemas::webhook::Webhook;
use crate::schemas::webhook_asked::WebhookMeant;
use crate::state::Api;

/// Of one tenant.
const MOST_WEBHOOKS: i64 = 100;

/// Makes a webhook.
///
/// # Errors
/// 422 when it names connections that the tenant does not have.
pub async fn create(
    api: &Api,
    caller: &Caller,
    meant: WebhookMeant,
    entry: &Entry<'_>,
) -> Result<Once<Created<Webhook>>, Stop> {
    let WebhookMeant {
        url,
        description,
        event_types,
        connection_ids,
        headers,
        max_per_second,
        secret,
    } = meant;
    let connection_ids = connection_ids.flatten();
    check_connections(api, caller, connection_ids.as_deref()).await?;
    if webhooks::count(&mut *api.store.connect().await?, caller.tenant()).await? >= MOST_WEBHOOKS {
        let detail = format!("There are up to {MOST_WEBHOOKS} webhooks; delete one first.");
        return Err(Problem::fault("", "too-many-webhooks", detail).into());
    }
    let id = WebhookId::new();
    let secret = secret.unwrap_or_else(SigningSecret::generate);
    let headers = merged(BTreeMap::new(), headers);
    let secrets = WebhookSecrets::new(secret.clone(), headers);
    let sealed = seal(api, caller.tenant(), id, &secrets)?;
    let header_names: Vec<String> = secrets.headers.into_keys().collect();
    let asked = Asked {
        url: url.as_deref().unwrap_or_default(),
        description: description.as_ref().and_then(Option::as_deref),
        event_types: event_types.as_ref().and_then(Option::as_deref),
        connection_ids: connection_ids.as_deref(),
        max_per_second: max_per_second.flatten(),
        sealed: &sealed.envelope,
        sealed_by: &sealed.by,
        header_names: &header_names,
    };
    let mut transaction = entry.begin().await?;
    let now = api.clock.now();
    let row = webhooks::create(&mut transaction, caller.tenant(), id, &asked, now).await?;
    audit::write(
        &mut transaction,
        caller.actor(),
        "webhook.create",
        &id.to_string(),
    )
    .await?;
    let (location, etag) = (format!("{BASE}/webhooks/{id}"), etag(&row));
    let made = Webhook::from(row).with_secret(secret.reveal());
    entry
        .commit(transaction, Created::new(made).at(location).tagged(etag))
        .await
}
