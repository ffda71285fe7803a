//! Where exports go: whose credentials open it, and whether it takes files.

use std::time::{Duration, Instant};

use rail_shared::blobs::{Credentials, Destination, DestinationSettings};
use rail_shared::domain::{ConnectionId, Failure, FailureKind, Origin};
use rail_shared::store::connections;
use rail_shared::store::exports::ExportRow;
use serde_json::Value;

use crate::connections::credentials;
use crate::http::auth::Caller;
use crate::http::body::Json;
use crate::http::problem::Problem;
use crate::schemas::export_test::ExportTest;
use crate::state::Api;

/// How long a destination may take to say whether files can be written there.
const CHECK_LIMIT: Duration = Duration::from_secs(20);

/// A connection whose credentials a destination may use.
#[derive(Debug)]
pub struct Lent {
    /// Of which connector.
    pub connector_id: String,
    /// In plain, references resolved.
    pub credentials: Credentials,
}

/// The connection that the destination of a body names, if the caller's tenant has it.
///
/// # Errors
/// When the store fails, or the credentials do not open.
pub async fn lent(api: &Api, caller: &Caller, body: &Json) -> Result<Option<Lent>, Problem> {
    let named = body.text_at("/destination/connectionId");
    match named.and_then(|text| text.parse().ok()) {
        Some(id) => find(api, caller, id).await,
        None => Ok(None),
    }
}

async fn find(api: &Api, caller: &Caller, id: ConnectionId) -> Result<Option<Lent>, Problem> {
    let mut conn = api.store.connect().await?;
    let Some(row) = connections::find(&mut conn, caller.tenant(), id).await? else {
        return Ok(None);
    };
    let (credentials, _) = api.references.resolve(credentials::open(api, &row)?);
    Ok(Some(Lent {
        connector_id: row.connector_id,
        credentials,
    }))
}

/// Tries the destination of an export, leaving nothing behind.
///
/// # Errors
/// When the store fails; a destination that takes no files is no error.
pub async fn test(api: &Api, caller: &Caller, export: &ExportRow) -> Result<ExportTest, Problem> {
    let begun = Instant::now();
    let checked = match open(api, caller, &export.destination).await? {
        Ok(destination) => check(&destination).await,
        Err(failure) => Err(failure),
    };
    Ok(ExportTest::of(checked, begun.elapsed()))
}

/// A destination as it is stored, with the credentials that it has now.
///
/// # Errors
/// When the store fails; within, when the destination cannot be opened.
pub async fn open(
    api: &Api,
    caller: &Caller,
    given: &Value,
) -> Result<Result<Destination, Failure>, Problem> {
    let settings = match DestinationSettings::read(given) {
        Ok(settings) => settings,
        Err(failure) => return Ok(Err(failure)),
    };
    let lent = match settings.connection_id() {
        Some(id) => find(api, caller, id).await?,
        None => None,
    };
    let fits = |lent: &Lent| settings.connector() == Some(lent.connector_id.as_str());
    let lent = lent.filter(fits);
    if settings.connection_id().is_some() && lent.is_none() {
        let message = "The connection whose credentials this destination uses was deleted. Name another one in the destination.";
        return Ok(Err(Failure::lasting(
            Origin::Configuration,
            FailureKind::Misconfigured,
            message,
        )));
    }
    let credentials = lent.as_ref().map(|lent| &lent.credentials);
    Ok(settings.open(&api.outputs, credentials))
}

async fn check(destination: &Destination) -> Result<(), Failure> {
    match tokio::time::timeout(CHECK_LIMIT, destination.check()).await {
        Ok(checked) => checked,
        Err(_) => Err(Failure::passing(
            Origin::Destination,
            FailureKind::Unavailable,
            format!(
                "The destination gave no answer within {} s.",
                CHECK_LIMIT.as_secs()
            ),
        )),
    }
}
