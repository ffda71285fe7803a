//! Trying credentials at the vendor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rail_shared::connectors::{Connector, Session, Source, TestReport};
use rail_shared::domain::{
    ConnectionStatus, Failure, FailureKind, MemoryVault, Origin, Priority, Vault,
};
use rail_shared::secrets::{ExposeSecret, Unresolved};
use rail_shared::store::audit;
use rail_shared::store::connections::{self, ConnectionRow};
use serde_json::{Map, Value};

use super::credentials::{open, vault_of};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::connection::ConnectionTest;
use crate::state::Api;

/// How long a vendor may take to say whether credentials work.
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// And to say what they may read as well, which takes a request for each entity; requests to us end after 30 s.
const SURVEY_LIMIT: Duration = Duration::from_secs(26);

/// Where a connection stands, and why.
pub type Found = (ConnectionStatus, Option<String>);

/// Whether credentials are tried before they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probing {
    /// They are.
    Wanted,
    /// They are stored unseen.
    Skipped,
}

impl Probing {
    /// From the parameter `verify`.
    pub fn wanted(verify: bool) -> Self {
        if verify { Self::Wanted } else { Self::Skipped }
    }
}

/// Tests a connection.
///
/// # Errors
/// When the store fails; a connection that does not work is no error.
pub async fn test(
    api: &Api,
    caller: &Caller,
    row: &ConnectionRow,
) -> Result<ConnectionTest, Problem> {
    let begun = Instant::now();
    let outcome = match api.catalogue.get(&row.connector_id) {
        Some(connector) => {
            let settings = row.settings.as_object().cloned().unwrap_or_default();
            let credentials = open(api, row)?;
            match source(api, &connector, &credentials, &settings, vault_of(api, row)) {
                Ok(source) => in_time(&connector, SURVEY_LIMIT, source.survey()).await,
                Err(failure) => Err(failure),
            }
        }
        None => Err(misconfigured(
            "Its connector is not in the catalogue any more.".to_owned(),
        )),
    };
    let report = match outcome {
        Ok(report) => report,
        Err(failure) => return Ok(ConnectionTest::failed(failure, begun.elapsed())),
    };
    if matches!(
        row.status,
        ConnectionStatus::Error | ConnectionStatus::ReauthRequired
    ) {
        let mut transaction = api.store.begin().await?;
        connections::set_status(&mut transaction, row.id, ConnectionStatus::Active).await?;
        audit::write(
            &mut transaction,
            caller.actor(),
            "connection.recover",
            &row.id.to_string(),
        )
        .await?;
        transaction.commit().await?;
    }
    Ok(report.into())
}

/// Where a connection stands after its credentials, which are its first ones, were tried. What was fetched is in the vault.
///
/// # Errors
/// 422 `credentials-rejected` when the vendor does not accept them. Where it took the refresh token among them and gave
/// another, the connection is REAUTH_REQUIRED instead: if nothing were stored, nobody would have a token that works.
pub async fn first_standing(
    api: &Api,
    connector: &Connector,
    credentials: &Map<String, Value>,
    settings: &Map<String, Value>,
    vault: &Arc<MemoryVault>,
) -> Result<Found, Problem> {
    let shared = Arc::<MemoryVault>::clone(vault);
    let tried = match source(api, connector, credentials, settings, shared) {
        // What fetches a token has a limit of its own, and must not be left alone with it.
        Ok(source) => match source.have_token().await {
            Ok(()) => in_time(connector, PROBE_LIMIT, source.test()).await,
            Err(failure) => Err(failure),
        },
        Err(failure) => Err(failure),
    };
    alone(vault).await;
    match tried {
        Err(failure)
            if failure.kind == FailureKind::CredentialsRejected
                && is_used_up(api, credentials, vault) =>
        {
            let reason = format!(
                "{} Its refresh token was used and replaced meanwhile; the new one is kept.",
                failure.message
            );
            Ok((ConnectionStatus::ReauthRequired, Some(reason)))
        }
        tried => standing_after(tried),
    }
}

/// How long a renewal that goes on by itself is waited for, and how often it is looked for: with the time before it, less than
/// a request may take.
const RENEWAL_LIMIT: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Waits until nobody else has the vault. A test that is cut off leaves a renewal to itself, which has used up the refresh
/// token and is about to keep the next one.
async fn alone(vault: &Arc<MemoryVault>) {
    let begun = Instant::now();
    while Arc::strong_count(vault) > 1 && begun.elapsed() < RENEWAL_LIMIT {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Whether the refresh token among the credentials was replaced by another.
fn is_used_up(api: &Api, credentials: &Map<String, Value>, vault: &MemoryVault) -> bool {
    let kept = vault.kept().grant.and_then(|grant| grant.refresh_token);
    let (credentials, _) = api.references.resolve(credentials.clone());
    let brought = credentials.get("refreshToken").and_then(Value::as_str);
    let pair = kept.as_ref().zip(brought);
    pair.is_some_and(|(kept, brought)| kept.expose_secret() != brought)
}

/// Where a connection stands after its credentials were tried.
///
/// # Errors
/// 422 `credentials-rejected`.
pub fn standing_after(outcome: Result<TestReport, Failure>) -> Result<Found, Problem> {
    match outcome {
        Ok(_) => Ok((ConnectionStatus::Active, None)),
        // Nothing was asked, which says nothing against them.
        Err(failure) if failure.is_used_up() => Ok((ConnectionStatus::Active, None)),
        Err(failure) if failure.kind == FailureKind::CredentialsRejected => Err(Problem::fault(
            "/credentials",
            "credentials-rejected",
            failure.message,
        )),
        Err(failure) => Ok((ConnectionStatus::Error, Some(failure.message))),
    }
}

/// Asks the vendor whether credentials work.
///
/// # Errors
/// Why they do not.
pub async fn probe(
    api: &Api,
    connector: &Connector,
    credentials: &Map<String, Value>,
    settings: &Map<String, Value>,
    vault: Arc<dyn Vault>,
) -> Result<TestReport, Failure> {
    let source = source(api, connector, credentials, settings, vault)?;
    in_time(connector, PROBE_LIMIT, source.test()).await
}

/// A source with these credentials. A reference that is not set matters only where the connector requires that credential.
fn source(
    api: &Api,
    connector: &Connector,
    credentials: &Map<String, Value>,
    settings: &Map<String, Value>,
    vault: Arc<dyn Vault>,
) -> Result<Source, Failure> {
    let (resolved, unresolved) = api.references.resolve(credentials.clone());
    let required = connector.credentials_schema()["required"].as_array();
    let needed = |field: &str| required.is_some_and(|names| names.iter().any(|name| name == field));
    for reference in unresolved {
        let (Unresolved::Forbidden { field, .. } | Unresolved::Unset { field, .. }) = &reference;
        if needed(field) {
            return Err(misconfigured(format!("{reference}.")));
        }
    }
    let session = Session::new(resolved, settings.clone()).with_vault(vault);
    let source = connector.open(&api.http, session);
    // Somebody waits for it.
    Ok(source.paced(&api.budgets, Priority::Interactive))
}

async fn in_time(
    connector: &Connector,
    limit: Duration,
    test: impl Future<Output = Result<TestReport, Failure>>,
) -> Result<TestReport, Failure> {
    match tokio::time::timeout(limit, test).await {
        Ok(tested) => tested,
        Err(_) => {
            let message = format!(
                "{} gave no answer within {} s.",
                connector.name(),
                limit.as_secs()
            );
            Err(Failure::passing(
                Origin::Vendor,
                FailureKind::Unavailable,
                message,
            ))
        }
    }
}

fn misconfigured(message: String) -> Failure {
    Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
}
