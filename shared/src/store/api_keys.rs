//! Tenants and the keys that speak for them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::schema::{api_keys, tenants};
use crate::domain::{KeyId, Scope, TenantId};

/// What a request may do and for whom.
#[derive(Debug, Clone)]
pub struct KeyGrant {
    /// The tenant the key belongs to.
    pub tenant_id: TenantId,
    /// The key.
    pub key_id: KeyId,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// The tenant of this name, made if it is not there.
///
/// # Errors
/// When the database refuses.
pub async fn ensure_tenant(
    conn: &mut AsyncPgConnection,
    name: &str,
) -> Result<TenantId, StoreError> {
    let id: Uuid = diesel::insert_into(tenants::table)
        .values((
            tenants::id.eq(TenantId::new().uuid()),
            tenants::name.eq(name),
        ))
        .on_conflict(tenants::name)
        .do_update()
        .set(tenants::name.eq(name))
        .returning(tenants::id)
        .get_result(conn)
        .await?;
    Ok(id.into())
}

/// Adds a key by its digest; a digest that is there already is left as it is.
///
/// # Errors
/// When the database refuses.
pub async fn ensure(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    name: &str,
    digest: &[u8],
    scopes: &[Scope],
) -> Result<KeyId, StoreError> {
    let id = KeyId::new();
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(id.uuid()),
            api_keys::tenant_id.eq(tenant.uuid()),
            api_keys::name.eq(name),
            api_keys::digest.eq(digest),
            api_keys::scopes.eq(words),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(id)
}

/// What the key of this digest may do; `None` when there is no such key or it was revoked.
///
/// # Errors
/// When the database refuses.
pub async fn grant(
    conn: &mut AsyncPgConnection,
    digest: &[u8],
) -> Result<Option<KeyGrant>, StoreError> {
    let row: Option<(Uuid, Uuid, Vec<String>)> = api_keys::table
        .filter(
            api_keys::digest
                .eq(digest)
                .and(api_keys::revoked_at.is_null()),
        )
        .select((api_keys::tenant_id, api_keys::id, api_keys::scopes))
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(|(tenant, key, scopes)| KeyGrant {
        tenant_id: tenant.into(),
        key_id: key.into(),
        // A scope this version does not know grants nothing.
        scopes: scopes
            .iter()
            .filter_map(|scope| scope.parse().ok())
            .collect(),
    }))
}

/// A key as listed: never the key itself.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = api_keys)]
pub struct KeyRow {
    /// Identity.
    #[diesel(deserialize_as = Uuid)]
    pub id: KeyId,
    /// What its maker called it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stopped being accepted.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The keys of a tenant, oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
) -> Result<Vec<KeyRow>, StoreError> {
    Ok(api_keys::table
        .filter(api_keys::tenant_id.eq(tenant.uuid()))
        .order(api_keys::id)
        .select(KeyRow::as_select())
        .load(conn)
        .await?)
}

/// Ends a key; returns whether there was one to end.
///
/// # Errors
/// When the database refuses.
pub async fn revoke(
    conn: &mut AsyncPgConnection,
    tenant: TenantId,
    key: KeyId,
) -> Result<bool, StoreError> {
    let ended = diesel::update(api_keys::table)
        .filter(
            api_keys::tenant_id
                .eq(tenant.uuid())
                .and(api_keys::id.eq(key.uuid()))
                .and(api_keys::revoked_at.is_null()),
        )
        .set(api_keys::revoked_at.eq(diesel::dsl::now))
        .execute(conn)
        .await?;
    Ok(ended == 1)
}
