//! Which master key wraps the secrets that are kept, and wrapping them by another.

use diesel::prelude::*;
use diesel::query_builder::SqlQuery;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::statement::statement;
use crate::domain::{ConnectionId, TenantId};
use crate::secrets::{Binding, GrantBinding, KeyRing, OpenError, Sealed, WebhookBinding};

/// Secrets that are kept as long as what they belong to. Answers and consents are not among them: they are forgotten within
/// a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Secrets {
    /// The credentials of connections.
    #[default]
    Credentials,
    /// What vendors gave for connections.
    Grants,
    /// The signing secrets and headers of webhooks.
    Webhooks,
}

/// A place among all secrets: behind one of them, or before the first.
#[derive(Debug, Clone, Copy, Default)]
pub struct SecretPlace {
    secrets: Secrets,
    after: Uuid,
}

impl Secrets {
    const fn next(self) -> Option<Self> {
        match self {
            Self::Credentials => Some(Self::Grants),
            Self::Grants => Some(Self::Webhooks),
            Self::Webhooks => None,
        }
    }

    /// Its table, and there the columns of whose it is and of the envelope.
    const fn columns(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Credentials => ("connections", "id", "sealed_credentials"),
            Self::Grants => ("grants", "connection_id", "sealed"),
            Self::Webhooks => ("webhooks", "id", "sealed"),
        }
    }

    /// A page of it.
    fn page(self) -> SqlQuery {
        let (table, id, sealed) = self.columns();
        diesel::sql_query(format!(
            "SELECT {id} AS id, tenant_id, sealed_by, CASE WHEN sealed_by <> $2 THEN {sealed} END AS envelope
             FROM {table} WHERE {id} > $1 ORDER BY {id} LIMIT $3"
        ))
    }

    /// One envelope in place of another. Of a row that is held for long, such as of a connection that is being erased, nothing
    /// is awaited.
    fn replacement(self) -> SqlQuery {
        let (table, id, sealed) = self.columns();
        diesel::sql_query(format!(
            "UPDATE {table} SET {sealed} = $1, sealed_by = $2
             WHERE {id} = (SELECT {id} FROM {table} WHERE {id} = $3 AND {sealed} = $4
                           FOR NO KEY UPDATE SKIP LOCKED)"
        ))
    }
}

#[derive(QueryableByName)]
struct SealedRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    sealed_by: Option<String>,
    /// Where it is to be wrapped again.
    #[diesel(sql_type = Nullable<Binary>)]
    envelope: Option<Vec<u8>>,
}

/// What came of some rows.
#[derive(Debug, Default)]
pub struct Wrapped {
    /// Where it goes on; `None` when there are no more.
    pub next: Option<SecretPlace>,
    /// How many are wrapped by the first key now.
    pub again: u32,
    /// Those that cannot be, by the connection or webhook that they belong to, and why.
    pub lost: Vec<(Uuid, OpenError)>,
}

/// Wraps those of the next `at_most` secrets by the first key that another key wraps. What belongs to them sees no
/// change. A secret that is changed meanwhile is left alone, since it was sealed just now, and one that
/// somebody holds is left for the next time.
///
/// # Errors
/// When the database refuses; what was wrapped stays so.
pub async fn wrap_again(
    conn: &mut AsyncPgConnection,
    key_ring: &KeyRing,
    from: SecretPlace,
    at_most: u16,
) -> Result<Wrapped, StoreError> {
    let secrets = from.secrets;
    let first = key_ring.ids().next().unwrap_or_default();
    let rows: Vec<SealedRow> = secrets
        .page()
        .bind::<SqlUuid, _>(from.after)
        .bind::<Text, _>(first)
        .bind::<BigInt, _>(i64::from(at_most))
        .load(conn)
        .await?;
    let mut wrapped = Wrapped {
        next: match rows.last() {
            Some(last) if rows.len() == usize::from(at_most) => Some(SecretPlace {
                secrets,
                after: last.id,
            }),
            _ => secrets.next().map(|secrets| SecretPlace {
                secrets,
                after: Uuid::nil(),
            }),
        },
        ..Wrapped::default()
    };
    for row in &rows {
        let (Some(envelope), Some(by)) = (&row.envelope, &row.sealed_by) else {
            continue;
        };
        match row.wrapped_again(key_ring, secrets, envelope, by) {
            Ok(sealed) => {
                let replaced = secrets
                    .replacement()
                    .bind::<Binary, _>(&sealed.envelope)
                    .bind::<Text, _>(&sealed.by)
                    .bind::<SqlUuid, _>(row.id)
                    .bind::<Binary, _>(envelope)
                    .execute(conn)
                    .await?;
                wrapped.again += u32::from(replaced > 0);
            }
            Err(why) => wrapped.lost.push((row.id, why)),
        }
    }
    Ok(wrapped)
}

impl SealedRow {
    fn wrapped_again(
        &self,
        key_ring: &KeyRing,
        secrets: Secrets,
        envelope: &[u8],
        by: &str,
    ) -> Result<Sealed, OpenError> {
        let tenant_id = TenantId::from(self.tenant_id);
        let of_connection = Binding {
            tenant_id,
            connection_id: ConnectionId::from(self.id),
        };
        match secrets {
            Secrets::Credentials => key_ring.wrap_again(envelope, by, of_connection),
            Secrets::Grants => key_ring.wrap_again(envelope, by, GrantBinding(of_connection)),
            Secrets::Webhooks => {
                let webhook_id = self.id.into();
                let binding = WebhookBinding {
                    tenant_id,
                    webhook_id,
                };
                key_ring.wrap_again(envelope, by, binding)
            }
        }
    }
}

/// How much a master key wraps.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Use {
    /// The key's id.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Secrets that are kept: [`wrap_again`] takes them away from a key that is not the first.
    #[diesel(sql_type = BigInt)]
    pub kept: i64,
    /// Answers and consents, which are forgotten within a day.
    #[diesel(sql_type = BigInt)]
    pub passing: i64,
}

/// How much each master key wraps, by id; of one that wraps nothing, nothing is said.
///
/// # Errors
/// When the database refuses.
pub async fn uses(conn: &mut AsyncPgConnection) -> Result<Vec<Use>, StoreError> {
    let uses = statement(
        "SELECT sealed_by AS key, count(*) FILTER (WHERE kept) AS kept, count(*) FILTER (WHERE NOT kept) AS passing
         FROM (SELECT sealed_by, true AS kept FROM connections
               UNION ALL SELECT sealed_by, true FROM grants
               UNION ALL SELECT sealed_by, true FROM webhooks
               UNION ALL SELECT sealed_by, false FROM consents
               UNION ALL SELECT sealed_by, false FROM idempotency_keys) all_of_them
         WHERE sealed_by IS NOT NULL GROUP BY sealed_by ORDER BY sealed_by",
    );
    Ok(uses.load(conn).await?)
}
