//! Making, changing and testing connections: credentials are tried at the vendor, then sealed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use poem::http::StatusCode;
use rail_shared::connectors::{Connector, Session, TestReport};
use rail_shared::domain::{
    ConnectionId, ConnectionStatus, EventType, Failure, FailureKind, MemoryVault, Origin, Priority,
    Vault,
};
use rail_shared::secrets::{Binding, Sealed, Unresolved};
use rail_shared::store::connections::{self, Changed, ConnectionRow, NewConnection};
use rail_shared::store::events::{self, NewEvent};
use rail_shared::store::{Conn, StoreError, audit, grants, sync_schedules};
use serde_json::{Map, Value};

use crate::answer::Created;
use crate::auth::Caller;
use crate::authorizing::vault_of;
use crate::idempotency::{Entry, Once, Stop};
use crate::problem::{Problem, changed_meanwhile};
use crate::receiving;
use crate::routes::BASE;
use crate::schemas::connection::{Connection, ConnectionTest};
use crate::schemas::connection_asked::{ConnectionMeant, PatchMeant, Standing};
use crate::state::Api;

/// How long a vendor may take to say whether credentials work.
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// Why a connection that nobody authorized yet is not ACTIVE.
const UNAUTHORIZED: &str =
    "A person has to authorize it at the vendor; POST …/authorize says where.";

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

/// A connection of the caller's tenant.
///
/// # Errors
/// 404 when there is none.
pub async fn find(
    conn: &mut Conn,
    caller: &Caller,
    id: ConnectionId,
) -> Result<ConnectionRow, Problem> {
    let found = connections::find(conn, caller.tenant(), id).await?;
    found.ok_or_else(|| Problem::not_found("connection"))
}

/// A connection as it is answered.
pub fn shown(api: &Api, row: ConnectionRow) -> Connection {
    let webhook_url = receiving::url_of(api, &row);
    Connection::of(row, webhook_url)
}

/// The version of a connection, as ETag.
pub fn etag(row: &ConnectionRow) -> String {
    format!("\"v{}\"", row.version)
}

/// Makes a connection.
///
/// # Errors
/// 422 `credentials-rejected` when the vendor does not accept the credentials: nothing is stored then.
pub async fn create(
    api: &Api,
    caller: &Caller,
    meant: ConnectionMeant,
    probing: Probing,
    entry: &Entry<'_>,
) -> Result<Once<Created<Connection>>, Stop> {
    let ConnectionMeant {
        connector,
        name,
        credentials,
        config,
    } = meant;
    let vault = Arc::new(MemoryVault::default());
    let (status, reason) = match probing {
        _ if connector.needs_consent(&credentials) => (
            ConnectionStatus::PendingAuthorization,
            Some(UNAUTHORIZED.to_owned()),
        ),
        Probing::Wanted => {
            let vault = Arc::<MemoryVault>::clone(&vault);
            standing_after(probe(api, &connector, &credentials, &config.settings, vault).await)?
        }
        Probing::Skipped => (ConnectionStatus::Active, None),
    };
    let id = ConnectionId::new();
    let binding = Binding {
        tenant_id: caller.tenant(),
        connection_id: id,
    };
    let Sealed { envelope, by } = seal(api, binding, &credentials)?;
    let new = NewConnection {
        id,
        tenant_id: caller.tenant(),
        connector_id: connector.id(),
        name: &name,
        status,
        status_reason: reason.as_deref(),
        sealed_credentials: &envelope,
        sealed_by: &by,
        settings: &Value::Object(config.settings),
        sync_interval: config.interval,
        auto_sync: config.auto_sync,
        tolerance: config.tolerance,
        created_at: api.clock.now(),
    };
    let mut transaction = entry.begin().await?;
    let mut row = connections::create(&mut transaction, &new).await?;
    let (interval, auto_sync) = (row.sync_interval.as_deref(), row.auto_sync);
    row.next_sync_at =
        sync_schedules::reschedule(&mut transaction, row.tenant_id, id, interval, auto_sync)
            .await?;
    audit::write(
        &mut transaction,
        caller.actor(),
        "connection.create",
        &id.to_string(),
    )
    .await?;
    if let Some(grant) = vault.kept().grant {
        grants::replace(&mut transaction, &api.key_ring, binding, &grant).await?;
    }
    if status != ConnectionStatus::PendingAuthorization {
        let connected = NewEvent {
            tenant_id: caller.tenant(),
            connection_id: Some(id),
            event_type: EventType::Connected,
            subject_id: id.uuid(),
        };
        events::append(&mut transaction, &[connected]).await?;
    }
    let (location, etag) = (format!("{BASE}/connections/{id}"), etag(&row));
    let made = Created::new(shown(api, row)).at(location).tagged(etag);
    entry.commit(transaction, made).await
}

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
        if let Some(connector) = api.catalogue.get(&row.connector_id) {
            let before = open(api, &row)?;
            let vault: Arc<dyn Vault> = if connector.same_tokens(&before, credentials) {
                vault_of(api, &row)
            } else {
                Arc::<MemoryVault>::clone(other_tokens.insert(Arc::default()))
            };
            let waits = status == ConnectionStatus::PendingAuthorization
                && connector.needs_consent(credentials);
            if probing == Probing::Wanted && !waits {
                let settings = settings.as_object().cloned().unwrap_or_default();
                let tried = probe(api, &connector, credentials, &settings, vault).await;
                let found = standing_after(tried)?;
                if status != ConnectionStatus::Paused {
                    (status, reason) = found;
                }
            }
        }
        sealed = Some(seal(api, binding_of(&row), credentials)?);
    }
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
    transaction.commit().await?;
    Ok(row)
}

/// What If-Match asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// The version that was read.
    Holds,
}

impl Precondition {
    /// Compares If-Match with the version that was read.
    ///
    /// # Errors
    /// 412 when it names others only.
    pub fn of(if_match: Option<&str>, etag: &str) -> Result<Self, Problem> {
        match if_match {
            None => Ok(Self::None),
            Some(tags)
                if tags
                    .split(',')
                    .map(str::trim)
                    .any(|tag| tag == "*" || tag == etag) =>
            {
                Ok(Self::Holds)
            }
            Some(_) => Err(changed_meanwhile(StatusCode::PRECONDITION_FAILED)),
        }
    }

    /// A change in between breaks the precondition, where there was one.
    pub fn judge(self, problem: Problem) -> Problem {
        match self {
            Self::Holds if problem.status() == StatusCode::CONFLICT => {
                changed_meanwhile(StatusCode::PRECONDITION_FAILED)
            }
            Self::Holds | Self::None => problem,
        }
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
            probe(
                api,
                &connector,
                &open(api, row)?,
                &settings,
                vault_of(api, row),
            )
            .await
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

/// Where a connection stands after its credentials were tried, and why.
fn standing_after(
    outcome: Result<TestReport, Failure>,
) -> Result<(ConnectionStatus, Option<String>), Problem> {
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

/// Asks the vendor whether credentials work. A reference that is not set matters only where the connector requires
/// that credential.
async fn probe(
    api: &Api,
    connector: &Connector,
    credentials: &Map<String, Value>,
    settings: &Map<String, Value>,
    vault: Arc<dyn Vault>,
) -> Result<TestReport, Failure> {
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
    let source = source.paced(&api.budgets, Priority::Interactive);
    match tokio::time::timeout(PROBE_LIMIT, source.test()).await {
        Ok(tested) => tested,
        Err(_) => {
            let message = format!(
                "{} gave no answer within {} s.",
                connector.name(),
                PROBE_LIMIT.as_secs()
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
