//! Making webhooks, changing them, and having them told.

use std::collections::BTreeMap;

use poem::http::StatusCode;
use rail_shared::domain::{ConnectionId, EventId, JobKind, TenantId, WebhookId};
use rail_shared::events;
use rail_shared::queue::Ring;
use rail_shared::secrets::{Sealed, SecretString, SigningSecret, WebhookBinding, WebhookSecrets};
use rail_shared::store::webhooks::{self, Asked, WebhookRow, Whose};
use rail_shared::store::{StoreError, audit};
use serde_json::json;

use crate::answer::{Created, Found};
use crate::auth::Caller;
use crate::idempotency::{Entry, Once, Stop};
use crate::problem::Problem;
use crate::routes::BASE;
use crate::schemas::webhook::{Webhook, WebhookTest};
use crate::schemas::webhook_asked::{MOST_HEADERS, WebhookMeant};
use crate::state::Api;

/// Of one tenant.
const MOST_WEBHOOKS: i64 = 100;
/// What a test says it is; no event of the log is of this type.
const TEST: &str = "integration.webhook.test";

/// Wakes the webhooks of tenants to whose logs something was just appended. What goes wrong is mended by upkeep.
pub async fn wake(api: &Api, tenants: &[TenantId]) {
    if !tenants.is_empty() {
        wake_those(api, Whose::Tenants(tenants)).await;
    }
}

/// Wakes one webhook, whose owner wants something.
pub async fn wake_one(api: &Api, id: WebhookId) {
    wake_those(api, Whose::Webhooks(&[id])).await;
}

async fn wake_those(api: &Api, whose: Whose<'_>) {
    let woken = async { webhooks::wake(&mut *api.store.connect().await?, whose).await };
    match woken.await {
        Ok(woken) => {
            for job in woken {
                let ring = Ring::new(job.job_id, job.tenant_id, job.dispatch_no);
                api.ringer.ring(JobKind::Delivery, ring);
            }
        }
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "webhooks could not be woken; upkeep wakes them"
        ),
    }
}

/// A webhook of the caller's tenant.
///
/// # Errors
/// 404 when there is none.
pub async fn find(api: &Api, caller: &Caller, id: WebhookId) -> Result<WebhookRow, Problem> {
    let mut conn = api.store.connect().await?;
    let found = webhooks::find(&mut conn, caller.tenant(), id).await?;
    found.ok_or_else(|| Problem::not_found("webhook"))
}

/// The version of a webhook, as ETag.
pub fn etag(row: &WebhookRow) -> String {
    format!("\"v{}\"", row.version)
}

/// A webhook as it is answered, with its version.
pub fn tagged(row: WebhookRow) -> Found<Webhook> {
    let etag = etag(&row);
    Found::new(row).tagged(etag)
}

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

/// Changes a webhook that is still as `row` says.
///
/// # Errors
/// 409 `changed-meanwhile`; 422 when it names connections that the tenant does not have.
pub async fn change(
    api: &Api,
    caller: &Caller,
    row: &WebhookRow,
    meant: WebhookMeant,
) -> Result<WebhookRow, Problem> {
    let WebhookMeant {
        url,
        description,
        event_types,
        connection_ids,
        headers,
        max_per_second,
        secret: _,
    } = meant;
    check_connections(
        api,
        caller,
        connection_ids.as_ref().and_then(Option::as_deref),
    )
    .await?;
    let mut secrets = open(api, row)?;
    secrets.headers = merged(secrets.headers, headers);
    if secrets.headers.len() > MOST_HEADERS {
        let detail =
            format!("With those that are there, these are more than {MOST_HEADERS} headers.");
        return Err(Problem::fault("/headers", "too-many", detail));
    }
    let sealed = seal(api, caller.tenant(), row.id, &secrets)?;
    let header_names: Vec<String> = secrets.headers.into_keys().collect();
    let event_types = match event_types {
        Some(types) => types,
        None => row.wanted_types().map_err(|_| Problem::internal())?,
    };
    let connection_ids = connection_ids.unwrap_or_else(|| row.wanted_connections());
    let asked = Asked {
        url: url.as_deref().unwrap_or(&row.url),
        description: match &description {
            Some(description) => description.as_deref(),
            None => row.description.as_deref(),
        },
        event_types: event_types.as_deref(),
        connection_ids: connection_ids.as_deref(),
        max_per_second: max_per_second.unwrap_or(row.max_per_second),
        sealed: &sealed.envelope,
        sealed_by: &sealed.by,
        header_names: &header_names,
    };
    write(api, caller, row, &asked, "webhook.update").await
}

/// Signs with another secret from now on; the one before signs beside it for a day. Returns the new one too.
///
/// # Errors
/// 409 `changed-meanwhile`.
pub async fn rotate(
    api: &Api,
    caller: &Caller,
    row: &WebhookRow,
) -> Result<(WebhookRow, SigningSecret), Problem> {
    let mut secrets = open(api, row)?;
    let secret = SigningSecret::generate();
    secrets.replace(secret.clone(), api.clock.now());
    let sealed = seal(api, caller.tenant(), row.id, &secrets)?;
    let event_types = row.wanted_types().map_err(|_| Problem::internal())?;
    let connection_ids = row.wanted_connections();
    let asked = Asked {
        url: &row.url,
        description: row.description.as_deref(),
        event_types: event_types.as_deref(),
        connection_ids: connection_ids.as_deref(),
        max_per_second: row.max_per_second,
        sealed: &sealed.envelope,
        sealed_by: &sealed.by,
        header_names: &row.header_names,
    };
    let row = write(api, caller, row, &asked, "webhook.rotate-secret").await?;
    Ok((row, secret))
}

async fn write(
    api: &Api,
    caller: &Caller,
    row: &WebhookRow,
    asked: &Asked<'_>,
    action: &'static str,
) -> Result<WebhookRow, Problem> {
    let (tenant, id) = (caller.tenant(), row.id);
    let mut transaction = api.store.begin().await?;
    let row = webhooks::change(&mut transaction, tenant, id, row.version, asked).await?;
    audit::write(&mut transaction, caller.actor(), action, &id.to_string()).await?;
    transaction.commit().await?;
    wake_one(api, id).await;
    Ok(row)
}

/// Sends a message that is no event, signed as events are, and says what the receiver answered.
///
/// # Errors
/// When its secrets do not open.
pub async fn test(api: &Api, row: &WebhookRow) -> Result<WebhookTest, Problem> {
    let secrets = open(api, row)?;
    let id = EventId::new();
    let body = json!({
        "type": TEST, "timestamp": api.clock.now(), "eventId": id, "data": {"webhookId": row.id},
    });
    let sent = events::send(&api.webhooks, &row.url, &secrets, id, body.to_string())
        .await
        .sent;
    Ok(WebhookTest {
        success: sent.error.is_none(),
        status: sent.status,
        answer: sent.answer,
        error: sent.error,
        latency_ms: u64::try_from(sent.latency.as_millis()).unwrap_or(u64::MAX),
    })
}

fn merged(
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

async fn check_connections(
    api: &Api,
    caller: &Caller,
    ids: Option<&[ConnectionId]>,
) -> Result<(), Problem> {
    let Some(ids) = ids else {
        return Ok(());
    };
    let mut conn = api.store.connect().await?;
    let unknown = webhooks::unknown_connections(&mut conn, caller.tenant(), ids).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    let detail = format!("There are no such connections: {}.", names.join(", "));
    Err(Problem::fault(
        "/connectionIds",
        "unknown-connection",
        detail,
    ))
}

fn binding(tenant_id: TenantId, webhook_id: WebhookId) -> WebhookBinding {
    WebhookBinding {
        tenant_id,
        webhook_id,
    }
}

fn seal(
    api: &Api,
    tenant: TenantId,
    id: WebhookId,
    secrets: &WebhookSecrets,
) -> Result<Sealed, Problem> {
    let sealed = secrets.seal(&api.key_ring, binding(tenant, id));
    Ok(sealed.map_err(StoreError::from)?)
}

fn open(api: &Api, row: &WebhookRow) -> Result<WebhookSecrets, Problem> {
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

/// An event that cannot be sent once more.
pub fn not_resendable() -> Problem {
    let detail = "The log has no such event any more, or the webhook has not come to it yet and will send it by itself.";
    Problem::new(StatusCode::CONFLICT, "not-resendable", detail)
}
