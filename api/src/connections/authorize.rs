//! Authorizing a connection: a person is sent to the vendor's page and comes back with a code, which becomes its tokens.

use chrono::{DateTime, TimeDelta, Utc};
use poem::http::StatusCode;
use rail_shared::connectors::{Session, Source};
use rail_shared::domain::{ConnectionId, ConnectionStatus, Failure, Grant, Vault};
use rail_shared::secrets::{Binding, ConsentBinding, OneTime};
use rail_shared::store::connections::{self, ConnectionRow};
use rail_shared::store::consents::{self, Consent, NewConsent};
use rail_shared::store::{api_keys, audit, events, grants, sync_schedules};
use serde_json::Value;

use super::credentials::{self, binding_of, vault_of};
use super::{connected, connector, find};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::routes::{BASE, CALLBACK};
use crate::state::Api;
use crate::webhooks;

/// How long a person may take.
const CONSENT_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// Where to send a person.
#[derive(Debug)]
pub struct Begun {
    /// The vendor's page.
    pub url: String,
    /// Until when the person may come back.
    pub expires_at: DateTime<Utc>,
}

/// Begins the consent of a person for a connection of the caller's tenant; one that was begun before ends.
///
/// # Errors
/// 404; 409 `not-authorizable` when no person authorizes such a connection.
pub async fn begin(api: &Api, caller: &Caller, id: ConnectionId) -> Result<Begun, Problem> {
    let row = find(&mut api.store.connect().await?, caller, id).await?;
    let (state, verifier) = (OneTime::generate(), OneTime::generate());
    let url = source(api, &row)?
        .consent_url(&redirect_uri(api), &state, &verifier)
        .map_err(|failure| {
            Problem::new(StatusCode::CONFLICT, "not-authorizable", failure.message)
        })?;
    let (of, state_digest) = (binding_of(&row), state.digest());
    let binding = ConsentBinding {
        of,
        state_digest: &state_digest,
    };
    let sealed = api.key_ring.seal(verifier.reveal().as_bytes(), binding);
    let now = api.clock.now();
    let expires_at = now + CONSENT_WITHIN;
    let new = NewConsent {
        of,
        state_digest: &state_digest,
        key_id: caller.actor().grant.key_id,
        sealed_verifier: &sealed.envelope,
        sealed_by: &sealed.by,
        expires_at,
    };
    let mut transaction = api.store.begin().await?;
    consents::begin(&mut transaction, &new, now).await?;
    audit::write(
        &mut transaction,
        caller.actor(),
        "connection.authorize.begin",
        &id.to_string(),
    )
    .await?;
    transaction.commit().await?;
    Ok(Begun { url, expires_at })
}

/// With what a person came back.
#[derive(Debug)]
pub struct CameBack<'a> {
    /// The state that was sent along.
    pub state: Option<&'a str>,
    /// The code, where the person consented.
    pub code: Option<&'a str>,
    /// Why there is none.
    pub error: Option<&'a str>,
    /// Every query parameter.
    pub parameters: &'a [(String, String)],
    /// The request, for the audit log.
    pub request_id: &'a str,
}

/// Why a connection was not authorized, in words for the person.
#[derive(Debug)]
pub enum Refused {
    /// The person's own request.
    Because(String),
    /// A problem of ours.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for Refused {
    fn from(cause: E) -> Self {
        Self::Problem(cause.into())
    }
}

/// Takes a person back from the vendor: the connection has its tokens then, and is ACTIVE. Returns its name.
///
/// # Errors
/// [`Refused`].
pub async fn finish(api: &Api, came: &CameBack<'_>) -> Result<String, Refused> {
    let over = || {
        Refused::Because(
            "This authorization was used already, is too old, or was never begun. Begin it again."
                .to_owned(),
        )
    };
    let digest = OneTime::presented(came.state.ok_or_else(over)?).digest();
    let mut conn = api.store.connect().await?;
    let taken = consents::take(&mut conn, &digest, api.clock.now()).await?;
    let consent = taken.ok_or_else(over)?;
    let Binding {
        tenant_id,
        connection_id,
    } = consent.of;
    let row = connections::find(&mut conn, tenant_id, connection_id).await?;
    drop(conn);
    let row = row.ok_or_else(over)?;
    let Some(code) = came.code.filter(|_| came.error.is_none()) else {
        let why = came.error.unwrap_or("it sent no code");
        return Err(Refused::Because(format!(
            "The vendor did not authorize the connection: {why}."
        )));
    };
    let verifier = verifier(api, &consent, &digest)?;
    let source = source(api, &row)?;
    let granted = source
        .consented(code, &redirect_uri(api), &verifier, came.parameters)
        .await;
    let grant = granted.map_err(|failure: Failure| Refused::Because(failure.message))?;
    if let Some(name) = other_owner(api, &row, &source, &grant).await? {
        return Err(Refused::Because(format!(
            "The vendor authorized another {name} than the one whose records this connection holds. Make a connection of its own for it."
        )));
    }
    keep(api, &consent, &grant, came.request_id).await?;
    Ok(row.name)
}

/// The fact by which what was granted belongs to somebody else than what the connection has read so far: under its
/// checkpoints, the records of one would be taken for those of the other.
async fn other_owner(
    api: &Api,
    row: &ConnectionRow,
    source: &Source,
    grant: &Grant,
) -> Result<Option<String>, Problem> {
    let kept = vault_of(api, row).read().await;
    let kept = kept
        .map_err(|_| Problem::internal())?
        .grant
        .unwrap_or_default();
    let (credentials, _) = api.references.resolve(credentials::open(api, row)?);
    let before = |name: &str| {
        let brought = credentials.get(name).and_then(Value::as_str);
        kept.facts
            .get(name)
            .map(String::as_str)
            .or(brought)
            .map(str::to_owned)
    };
    let is_other = |name: &&str| match (before(name), grant.facts.get(*name)) {
        (Some(before), Some(now)) => before != *now,
        _ => false,
    };
    Ok(source
        .owner_facts()
        .into_iter()
        .find(is_other)
        .map(str::to_owned))
}

fn verifier(api: &Api, consent: &Consent, digest: &[u8]) -> Result<OneTime, Problem> {
    let binding = ConsentBinding {
        of: consent.of,
        state_digest: digest,
    };
    let opened = api
        .key_ring
        .open(&consent.sealed_verifier, &consent.sealed_by, binding);
    let text = opened.ok().and_then(|plain| String::from_utf8(plain).ok());
    let text = text.ok_or_else(Problem::internal)?;
    Ok(OneTime::presented(&text))
}

/// Keeps what the vendor granted. The credentials are sealed anew: an attempt that still goes on with the old grant has
/// used other ones, and its end does not count against these.
async fn keep(
    api: &Api,
    consent: &Consent,
    grant: &Grant,
    request_id: &str,
) -> Result<(), Problem> {
    let Binding {
        tenant_id,
        connection_id,
    } = consent.of;
    let mut transaction = api.store.begin().await?;
    let held = connections::hold(&mut transaction, tenant_id, connection_id).await?;
    let row = held.ok_or_else(|| Problem::not_found("connection"))?;
    let sealed = credentials::seal(api, consent.of, &credentials::open(api, &row)?)?;
    let status = match row.status {
        ConnectionStatus::Paused => ConnectionStatus::Paused,
        _ => ConnectionStatus::Active,
    };
    connections::authorize(
        &mut transaction,
        connection_id,
        status,
        (&sealed.envelope, &sealed.by),
    )
    .await?;
    grants::replace(&mut transaction, &api.key_ring, consent.of, grant).await?;
    sync_schedules::reschedule(
        &mut transaction,
        tenant_id,
        connection_id,
        row.sync_interval.as_deref(),
        row.auto_sync,
    )
    .await?;
    let actor = audit::Actor {
        grant: api_keys::KeyGrant {
            tenant_id,
            key_id: consent.key_id,
            scopes: Vec::new(),
        },
        request_id: request_id.to_owned(),
    };
    let subject = connection_id.to_string();
    audit::write(&mut transaction, &actor, "connection.authorize", &subject).await?;
    let listening = events::append(&mut transaction, &[connected(consent.of)]).await?;
    transaction.commit().await?;
    webhooks::wake(api, &listening).await;
    Ok(())
}

fn redirect_uri(api: &Api) -> String {
    format!("{}{BASE}{CALLBACK}", api.public_url)
}

fn source(api: &Api, row: &ConnectionRow) -> Result<Source, Problem> {
    let connector = connector(api, row)?;
    let (credentials, _) = api.references.resolve(credentials::open(api, row)?);
    let settings = row.settings.as_object().cloned().unwrap_or_default();
    Ok(connector.open(&api.http, Session::new(credentials, settings)))
}
