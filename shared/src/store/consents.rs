//! Consents that were begun: a person is at the vendor, and comes back once, with a state that only its digest is kept of.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::schema::consents;
use crate::domain::{KeyId, TenantId};
use crate::secrets::Binding;

/// What is begun.
#[derive(Debug)]
pub struct NewConsent<'a> {
    /// For which connection.
    pub of: Binding,
    /// The digest of its state.
    pub state_digest: &'a [u8],
    /// Who asked.
    pub key_id: KeyId,
    /// The verifier of PKCE, in an envelope.
    pub sealed_verifier: &'a [u8],
    /// The id of the master key that wraps it.
    pub sealed_by: &'a str,
    /// Until when the person may come back.
    pub expires_at: DateTime<Utc>,
}

/// What was begun.
#[derive(Debug)]
pub struct Consent {
    /// For which connection.
    pub of: Binding,
    /// Who asked.
    pub key_id: KeyId,
    /// The verifier of PKCE, in an envelope.
    pub sealed_verifier: Vec<u8>,
    /// The id of the master key that wraps it.
    pub sealed_by: String,
}

/// Begins one. An older one of the same connection ends, and so do all whose time is over.
///
/// # Errors
/// When the database refuses.
pub async fn begin(
    conn: &mut AsyncPgConnection,
    new: &NewConsent<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let connection_id = new.of.connection_id.uuid();
    diesel::delete(consents::table)
        .filter(consents::connection_id.eq(connection_id))
        .execute(conn)
        .await?;
    diesel::delete(consents::table)
        .filter(consents::expires_at.le(now))
        .execute(conn)
        .await?;
    diesel::insert_into(consents::table)
        .values((
            consents::state_digest.eq(new.state_digest),
            consents::tenant_id.eq(new.of.tenant_id.uuid()),
            consents::connection_id.eq(connection_id),
            consents::key_id.eq(new.key_id.uuid()),
            consents::sealed_verifier.eq(new.sealed_verifier),
            consents::sealed_by.eq(new.sealed_by),
            consents::expires_at.eq(new.expires_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes the one of this state out: whoever comes second, or too late, finds none.
///
/// # Errors
/// When the database refuses.
pub async fn take(
    conn: &mut AsyncPgConnection,
    state_digest: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Consent>, StoreError> {
    let row: Option<(Uuid, Uuid, Uuid, Vec<u8>, String)> =
        diesel::delete(consents::table.find(state_digest))
            .filter(consents::expires_at.gt(now))
            .returning((
                consents::tenant_id,
                consents::connection_id,
                consents::key_id,
                consents::sealed_verifier,
                consents::sealed_by,
            ))
            .get_result(conn)
            .await
            .optional()?;
    Ok(row.map(
        |(tenant, connection, key, sealed_verifier, sealed_by)| Consent {
            of: Binding {
                tenant_id: TenantId::from(tenant),
                connection_id: connection.into(),
            },
            key_id: key.into(),
            sealed_verifier,
            sealed_by,
        },
    ))
}
