//! Taking what vendors tell by webhook: checked, then noted, which is committed before the answer. The workers' upkeep
//! begins a sync of it within half a second, or when the active one has ended.

mod called;

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};
use rail_shared::connectors::{NotTaken, Notice, Session};
use rail_shared::domain::ConnectionId;
use rail_shared::failpoints::step;
use rail_shared::store::StoreError;
use rail_shared::store::connections::{self, ConnectionRow};
use rail_shared::store::told_changes::{self, ToldEvent};

pub use called::Called;

use crate::connections::credentials;
use crate::http::problem::Problem;
use crate::routes::BASE;
use crate::state::Api;

/// Where a vendor calls for a connection, where its vendor signs webhooks.
pub fn url_of(api: &Api, connection: &ConnectionRow) -> Option<String> {
    let connector = api.catalogue.get(&connection.connector_id)?;
    connector.signs_webhooks().then(|| {
        let (base, vendor) = (&api.public_url, connector.id());
        format!(
            "{base}{BASE}/connections/{}/webhooks/{vendor}",
            connection.id
        )
    })
}

/// Takes a webhook.
///
/// # Errors
/// 404 where there is no such connection of this vendor, or the vendor signs none; 409 where the connection has no secret
/// to check it with; 401 where it is not the vendor's; 400 where it is, and is too old or cannot be read; 503 where it could
/// not be checked or committed: the vendor tries again.
pub async fn receive(
    api: &Api,
    id: ConnectionId,
    vendor: &str,
    called: &Called,
) -> Result<Heard, Problem> {
    let not_found = || Problem::not_found("webhook");
    let mut conn = api.store.connect().await?;
    let found = connections::find_for_vendor(&mut conn, id).await?;
    drop(conn);
    let connection = found.filter(|row| row.connector_id == vendor);
    let connection = connection.ok_or_else(not_found)?;
    called.note_tenant(connection.tenant_id);
    let connector = api.catalogue.get(vendor).ok_or_else(not_found)?;

    let (credentials, _) = api.references.resolve(credentials::open(api, &connection)?);
    let settings = connection.settings.as_object().cloned();
    let session = Session::new(credentials, settings.unwrap_or_default());
    let session = session.with_vault(credentials::vault_of(api, &connection));
    let url = called.url(&api.public_url);
    let notice = Notice {
        connection: id,
        method: called.method(),
        url: &url,
        headers: called.headers(),
        body: called.body(),
    };
    let told = connector.receive(&api.http, session, &api.webhook_keys, &notice);
    let told = told.await.map_err(|why| refused(&connection, why))?;
    let events: Vec<ToldEvent> = told
        .into_iter()
        .map(|event| ToldEvent {
            digest: event.digest,
            settled: event.settled,
            changes: event.changes,
        })
        .collect();
    if events.is_empty() {
        return Ok(Heard);
    }
    let mut conn = api.store.connect().await?;
    let noted = told_changes::note(&mut conn, connection.id, &events).await;
    drop(conn);
    let fresh = noted.map_err(|error| match error {
        // Erased since it was read.
        StoreError::Refused(_) => not_found(),
        other => other.into(),
    })?;
    step("a webhook is committed and not answered");
    let told = events.len();
    tracing::debug!(connection.id = %id, told, fresh, "a webhook was taken");
    Ok(Heard)
}

/// What the vendor is answered. Whoever cannot sign learns nothing from it.
fn refused(connection: &ConnectionRow, why: NotTaken) -> Problem {
    tracing::info!(connection.id = %connection.id, why = %why, "a webhook was not taken");
    match why {
        NotTaken::Unsigned => Problem::not_found("webhook"),
        NotTaken::Lacks(credential) => Problem::new(
            StatusCode::CONFLICT,
            "webhook-secret-missing",
            format!(
                "The connection has no {credential} to check webhooks with; add it to its credentials."
            ),
        ),
        NotTaken::Forged => Problem::new(
            StatusCode::UNAUTHORIZED,
            "bad-signature",
            "This is not signed by the vendor with the secret of the connection.",
        )
        .with_header(header::WWW_AUTHENTICATE, "Signature realm=\"webhooks\""),
        NotTaken::Stale { within_seconds } => Problem::new(
            StatusCode::BAD_REQUEST,
            "stale-webhook",
            format!(
                "It was signed more than {within_seconds} s before or after now, by the clock of this installation."
            ),
        ),
        NotTaken::Unreadable(why) => Problem::new(
            StatusCode::BAD_REQUEST,
            "unreadable-webhook",
            format!("It is signed, but {why}."),
        ),
        NotTaken::NoGrant(_) => Problem::unavailable(
            "database-unavailable",
            "The database cannot be reached just now; send it again.",
        ),
        NotTaken::NoKey(_) => Problem::unavailable(
            "webhook-key-unavailable",
            "The vendor's key cannot be had just now; send it again.",
        ),
    }
}

/// 200: committed, nothing to say. Xero takes an answer with a body for a failure.
#[derive(Debug)]
pub struct Heard;

impl IntoResponse for Heard {
    fn into_response(self) -> Response {
        StatusCode::OK.into_response()
    }
}

impl ApiResponse for Heard {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Committed, or known already",
                status: Some(200),
                status_range: None,
                content: Vec::new(),
                headers: Vec::new(),
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
