//! Where exports go: with the operator's credentials, or with those of a connection.

use std::fmt;
use std::sync::Arc;

use rail_shared::blobs::{Destination, DestinationSettings, Ledger, Noting, Unfinished};
use rail_shared::domain::{Failure, FailureKind, Origin, TenantId};
use rail_shared::store::connections::ConnectionRow;
use rail_shared::store::exports::ExportRow;
use rail_shared::store::unfinished_uploads::{self, Writer};
use rail_shared::store::{Store, StoreError, connections};
use serde_json::Value;

use crate::Worker;
use crate::runtime::{Attempt, Halt};

/// The place that a stored destination of a tenant's names.
///
/// # Errors
/// When its connection is gone or does not open, or the settings cannot work.
pub(crate) async fn open(
    worker: &Worker,
    tenant: TenantId,
    stored: &Value,
) -> Result<Destination, Halt> {
    let settings = DestinationSettings::read(stored)?;
    let connection = connection_of(worker, tenant, &settings).await?;
    opened(worker, settings, connection.as_ref())
}

/// The connection whose credentials a destination uses, if it uses one's.
async fn connection_of(
    worker: &Worker,
    tenant: TenantId,
    settings: &DestinationSettings,
) -> Result<Option<ConnectionRow>, Halt> {
    let Some(id) = settings.connection_id() else {
        return Ok(None);
    };
    let found = connections::find(&mut *worker.store.connect().await?, tenant, id).await?;
    let connection =
        found.filter(|found| settings.connector() == Some(found.connector_id.as_str()));
    Ok(Some(connection.ok_or_else(gone)?))
}

fn opened(
    worker: &Worker,
    settings: DestinationSettings,
    connection: Option<&ConnectionRow>,
) -> Result<Destination, Halt> {
    let credentials = connection.map(|connection| worker.credentials(connection));
    let credentials = credentials.transpose()?;
    Ok(settings.open(&worker.outputs, credentials.as_ref())?)
}

/// The same for an attempt to write files there: what its death would leave behind is noted.
pub(crate) async fn of_attempt(attempt: &Attempt, stored: &Value) -> Result<Destination, Halt> {
    let settings = DestinationSettings::read(stored)?;
    let connection = connection_of(&attempt.worker, attempt.lease.tenant_id, &settings).await?;
    if let Some(connection) = &connection {
        attempt.uses_credentials(&connection.sealed_credentials);
    }
    let destination = opened(&attempt.worker, settings, connection.as_ref())?;
    Ok(destination.noting_in(Arc::new(RunLedger {
        store: attempt.worker.store.clone(),
        writer: Writer::from(&attempt.lease),
        destination: stored.clone(),
    })))
}

/// Whether the connection of an export's destination has other credentials by now than the attempt used.
pub(crate) async fn has_other_credentials(
    attempt: &Attempt,
    export: &ExportRow,
) -> Result<bool, Halt> {
    let settings = DestinationSettings::read(&export.destination)?;
    let connection = connection_of(&attempt.worker, attempt.lease.tenant_id, &settings).await?;
    Ok(connection.is_some_and(|now| now.sealed_credentials != attempt.credentials_used()))
}

/// The unfinished files of one attempt, in Postgres.
struct RunLedger {
    store: Store,
    writer: Writer,
    destination: Value,
}

impl fmt::Debug for RunLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunLedger")
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}

impl Ledger for RunLedger {
    fn begun<'a>(&'a self, upload: &'a Unfinished) -> Noting<'a> {
        Box::pin(async move {
            let Unfinished { key, token } = upload;
            let noting = async {
                let mut conn = self.store.connect().await?;
                unfinished_uploads::note(&mut conn, self.writer, &self.destination, key, token)
                    .await
            };
            noting.await.map_err(|error| away(&error))
        })
    }

    fn ended<'a>(&'a self, upload: &'a Unfinished) -> Noting<'a> {
        Box::pin(async move {
            let forgetting = async {
                let Unfinished { key, token } = upload;
                let mut conn = self.store.connect().await?;
                unfinished_uploads::forget(&mut conn, self.writer, key, token).await
            };
            forgetting.await.map_err(|error| away(&error))
        })
    }
}

fn away(error: &StoreError) -> Failure {
    tracing::warn!(%error, "an unfinished file cannot be noted");
    Failure::internal()
}

fn gone() -> Failure {
    Failure::lasting(
        Origin::Configuration,
        FailureKind::Misconfigured,
        "The connection whose credentials this destination uses was deleted. Name another one in the destination.",
    )
}
