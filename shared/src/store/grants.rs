//! Grants: what vendors gave for connections by OAuth 2, sealed, and who may fetch a new one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schema::grants;
use super::statement::statement;
use super::{Store, StoreError};
use crate::domain::{Awaited, Claim, ConnectionId, Grant, Kept, Vault, VaultError};
use crate::secrets::{Binding, GrantBinding, KeyRing, OneTime};

/// A grant as it stands in its envelope.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    access_token: Option<String>,
    refresh_token: Option<String>,
    fetched_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    facts: BTreeMap<String, String>,
}

impl Written {
    fn of(grant: &Grant) -> Self {
        let text = |secret: &Option<SecretString>| {
            secret
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned())
        };
        Self {
            access_token: text(&grant.access_token),
            refresh_token: text(&grant.refresh_token),
            fetched_at: grant.fetched_at,
            expires_at: grant.expires_at,
            facts: grant.facts.clone(),
        }
    }
}

impl From<Written> for Grant {
    fn from(
        Written {
            access_token,
            refresh_token,
            fetched_at,
            expires_at,
            facts,
        }: Written,
    ) -> Self {
        Self {
            access_token: access_token.map(Into::into),
            refresh_token: refresh_token.map(Into::into),
            fetched_at,
            expires_at,
            facts,
        }
    }
}

#[derive(QueryableByName, Queryable)]
struct GrantRow {
    #[diesel(sql_type = Nullable<Binary>)]
    sealed: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    sealed_by: Option<String>,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

/// The grant of one connection, for one of its users. Each has a name of its own, by which it claims the right to fetch a
/// new grant.
pub struct StoredVault {
    store: Store,
    key_ring: Arc<KeyRing>,
    binding: Binding,
    user: String,
}

impl StoredVault {
    /// The vault of this connection.
    #[must_use]
    pub fn new(store: Store, key_ring: Arc<KeyRing>, binding: Binding) -> Self {
        Self {
            store,
            key_ring,
            binding,
            user: OneTime::generate().reveal().to_owned(),
        }
    }

    fn opened(&self, row: GrantRow) -> Result<Kept, VaultError> {
        let GrantRow {
            sealed,
            sealed_by,
            version,
        } = row;
        let grant = match sealed.zip(sealed_by) {
            None => None,
            Some((sealed, by)) => {
                let plain = self
                    .key_ring
                    .open(&sealed, &by, GrantBinding(self.binding))
                    .map_err(|error| self.lost(&error))?;
                let written: Written =
                    serde_json::from_slice(&plain).map_err(|error| self.lost(&error))?;
                Some(written.into())
            }
        };
        Ok(Kept { grant, version })
    }

    fn lost(&self, error: &(dyn std::error::Error + 'static)) -> VaultError {
        tracing::warn!(connection.id = %self.binding.connection_id, error, "its grant cannot be reached");
        VaultError
    }

    async fn now(&self) -> Result<Kept, StoreError> {
        let mut conn = self.store.connect().await?;
        let row: Option<GrantRow> = grants::table
            .filter(
                grants::connection_id
                    .eq(self.binding.connection_id.uuid())
                    .and(grants::tenant_id.eq(self.binding.tenant_id.uuid())),
            )
            .select((grants::sealed, grants::sealed_by, grants::version))
            .first(&mut *conn)
            .await
            .optional()?;
        drop(conn);
        row.map_or_else(|| Ok(Kept::default()), |row| Ok(self.opened(row)?))
    }

    async fn claimed(&self, within: Duration) -> Result<Claim, StoreError> {
        let mut conn = self.store.connect().await?;
        let row: Option<GrantRow> = statement(
            "INSERT INTO grants (connection_id, tenant_id, refreshing_by, refreshing_until)
             VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4 / 1000.0))
             ON CONFLICT (connection_id) DO UPDATE
                 SET refreshing_by = excluded.refreshing_by, refreshing_until = excluded.refreshing_until
                 WHERE grants.refreshing_until IS NULL OR grants.refreshing_until <= clock_timestamp()
             RETURNING sealed, sealed_by, version",
        )
        .bind::<diesel::sql_types::Uuid, _>(self.binding.connection_id.uuid())
        .bind::<diesel::sql_types::Uuid, _>(self.binding.tenant_id.uuid())
        .bind::<Text, _>(&self.user)
        .bind::<BigInt, _>(i64::try_from(within.as_millis()).unwrap_or(i64::MAX))
        .get_result(&mut *conn)
        .await
        .optional()?;
        drop(conn);
        row.map_or(Ok(Claim::Theirs), |row| Ok(Claim::Ours(self.opened(row)?)))
    }

    async fn released(&self) -> Result<(), StoreError> {
        diesel::update(grants::table.find(self.binding.connection_id.uuid()))
            .filter(grants::refreshing_by.eq(&self.user))
            .set((
                grants::refreshing_by.eq(None::<&str>),
                grants::refreshing_until.eq(None::<DateTime<Utc>>),
            ))
            .execute(&mut *self.store.connect().await?)
            .await?;
        Ok(())
    }

    async fn kept(&self, grant: Grant, made_from: i64) -> Result<Option<Kept>, StoreError> {
        let (sealed, by) = seal(&self.key_ring, self.binding, &grant)?;
        let version = made_from + 1;
        let written = diesel::update(grants::table.find(self.binding.connection_id.uuid()))
            .filter(grants::version.eq(made_from))
            .set((
                grants::sealed.eq(sealed),
                grants::sealed_by.eq(by),
                grants::expires_at.eq(grant.expires_at),
                grants::version.eq(version),
                grants::refreshing_by.eq(None::<&str>),
                grants::refreshing_until.eq(None::<DateTime<Utc>>),
                grants::updated_at.eq(diesel::dsl::now),
            ))
            .execute(&mut *self.store.connect().await?)
            .await?;
        Ok((written == 1).then_some(Kept {
            grant: Some(grant),
            version,
        }))
    }
}

impl From<VaultError> for StoreError {
    fn from(error: VaultError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Vault for StoredVault {
    fn read(&self) -> Awaited<'_, Kept> {
        Box::pin(async { self.now().await.map_err(|error| self.lost(&error)) })
    }

    fn claim(&self, within: Duration) -> Awaited<'_, Claim> {
        Box::pin(async move {
            self.claimed(within)
                .await
                .map_err(|error| self.lost(&error))
        })
    }

    fn release(&self) -> Awaited<'_, ()> {
        Box::pin(async { self.released().await.map_err(|error| self.lost(&error)) })
    }

    fn keep(&self, grant: Grant, made_from: i64) -> Awaited<'_, Option<Kept>> {
        Box::pin(async move {
            let kept = self.kept(grant, made_from).await;
            kept.map_err(|error| self.lost(&error))
        })
    }
}

impl fmt::Debug for StoredVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredVault")
            .field("binding", &self.binding)
            .finish_non_exhaustive()
    }
}

fn seal(
    key_ring: &KeyRing,
    binding: Binding,
    grant: &Grant,
) -> Result<(Vec<u8>, String), StoreError> {
    let plain = serde_json::to_vec(&Written::of(grant))?;
    let sealed = key_ring.seal(&plain, GrantBinding(binding));
    Ok((sealed.envelope, sealed.by))
}

/// Puts a grant in the place of whatever is kept: somebody authorized the connection, or brought tokens for it. Whoever
/// is fetching one from the old grant will not write it any more.
///
/// # Errors
/// When the database refuses.
pub async fn replace(
    conn: &mut AsyncPgConnection,
    key_ring: &KeyRing,
    binding: Binding,
    grant: &Grant,
) -> Result<(), StoreError> {
    let (sealed, by) = seal(key_ring, binding, grant)?;
    diesel::insert_into(grants::table)
        .values((
            grants::connection_id.eq(binding.connection_id.uuid()),
            grants::tenant_id.eq(binding.tenant_id.uuid()),
            grants::sealed.eq(&sealed),
            grants::sealed_by.eq(&by),
            grants::expires_at.eq(grant.expires_at),
            grants::version.eq(1),
        ))
        .on_conflict(grants::connection_id)
        .do_update()
        .set((
            grants::sealed.eq(&sealed),
            grants::sealed_by.eq(&by),
            grants::expires_at.eq(grant.expires_at),
            grants::version.eq(grants::version + 1),
            grants::refreshing_by.eq(None::<&str>),
            grants::refreshing_until.eq(None::<DateTime<Utc>>),
            grants::updated_at.eq(diesel::dsl::now),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets the grant of a connection whose tokens were replaced by other ones that nobody used yet.
///
/// # Errors
/// When the database refuses.
pub async fn forget(conn: &mut AsyncPgConnection, id: ConnectionId) -> Result<(), StoreError> {
    let id: Uuid = id.uuid();
    diesel::update(grants::table.find(id))
        .set((
            grants::sealed.eq(None::<Vec<u8>>),
            grants::sealed_by.eq(None::<&str>),
            grants::expires_at.eq(None::<DateTime<Utc>>),
            grants::version.eq(grants::version + 1),
            grants::refreshing_by.eq(None::<&str>),
            grants::refreshing_until.eq(None::<DateTime<Utc>>),
            grants::updated_at.eq(diesel::dsl::now),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
