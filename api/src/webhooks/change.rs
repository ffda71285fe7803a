//! Changing webhooks, and what they sign with.

use rail_shared::domain::ConnectionId;
use rail_shared::secrets::SigningSecret;
use rail_shared::store::audit;
use rail_shared::store::webhooks::{self, Asked, WebhookRow};

use super::secrets::{merged, open, seal};
use super::wake::wake_one;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::webhook_asked::{MOST_HEADERS, WebhookMeant};
use crate::state::Api;

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

/// Refuses connections that the tenant does not have.
pub(super) async fn check_connections(
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
