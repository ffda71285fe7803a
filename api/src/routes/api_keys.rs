//! Keys to this API.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use rail_shared::domain::KeyId;
use rail_shared::secrets::ApiKey;
use rail_shared::store::api_keys;
use rail_shared::store::audit;

use super::{BASE, Tag};
use crate::http::answer::{Created, Done, Listed};
use crate::http::auth::Caller;
use crate::http::body::Body;
use crate::http::idempotency::{Entry, IdempotencyKey, Once, Stop};
use crate::http::problem::Problem;
use crate::http::refusal::{Creates, Finds, Reads, Refusal};
use crate::schemas::api_key::{KeyMade, KeyMeant, KeyShown, NewKey};
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on keys.
#[derive(Debug, Default)]
pub struct ApiKeys;

#[OpenApi(prefix_path = BASE, tag = "Tag::ApiKeys")]
impl ApiKeys {
    /// Create an API key.
    ///
    /// The answer shows the key this once (and again to whoever repeats the request with its Idempotency-Key): only its
    /// hash is kept. Needs the scope `admin`.
    #[oai(path = "/api-keys", method = "post", operation_id = "createApiKey")]
    async fn create(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Makes it safe to repeat the request: within 24 hours the same one with the same key does nothing again and gets
        /// the first answer. Another request with the key is refused with 422 `idempotency-key-reused`.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewKey>,
    ) -> Result<Once<Created<KeyMade>>, Refusal<Creates>> {
        let made = async {
            let entry = key.enter(api, &caller, Some(body.json())).await?;
            make(&caller, &body.read(api, ())?, &entry).await
        };
        Ok(made.await.or_else(Stop::answer)?)
    }

    /// List API keys.
    ///
    /// All of them on one page, oldest first, the revoked ones too; never the keys themselves. Needs the scope `admin`.
    #[oai(path = "/api-keys", method = "get", operation_id = "listApiKeys")]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
    ) -> Result<Listed<KeyShown>, Refusal<Reads>> {
        let rows = api_keys::list(&mut *api.store.connect().await?, caller.tenant()).await?;
        Ok(Listed::of(rows, None))
    }

    /// Revoke an API key.
    ///
    /// It is refused from now on; other processes notice within seconds. Needs the scope `admin`.
    #[oai(
        path = "/api-keys/:keyId",
        method = "delete",
        operation_id = "revokeApiKey"
    )]
    async fn revoke(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which key.
        #[oai(name = "keyId")]
        id: Path<Id<KeyId>>,
    ) -> Result<Done, Refusal<Finds>> {
        let mut transaction = api.store.begin().await?;
        if !api_keys::revoke(&mut transaction, caller.tenant(), id.0.0).await? {
            return Err(Problem::not_found("key that is not revoked").into());
        }
        audit::write(
            &mut transaction,
            caller.actor(),
            "api-key.revoke",
            &id.0.0.to_string(),
        )
        .await?;
        transaction.commit().await?;
        api.known_keys.forget(id.0.0);
        Ok(Done)
    }
}

async fn make(
    caller: &Caller,
    meant: &KeyMeant,
    entry: &Entry<'_>,
) -> Result<Once<Created<KeyMade>>, Stop> {
    let (tenant, key) = (caller.tenant(), ApiKey::generate());
    let mut transaction = entry.begin().await?;
    let id = api_keys::ensure(
        &mut transaction,
        tenant,
        &meant.name,
        &key.digest(),
        &meant.scopes,
    )
    .await?;
    audit::write(
        &mut transaction,
        caller.actor(),
        "api-key.create",
        &id.to_string(),
    )
    .await?;
    let rows = api_keys::list(&mut transaction, tenant).await?;
    let row = rows.into_iter().find(|row| row.id == id);
    let made = KeyMade::new(row.ok_or_else(Problem::internal)?, &key);
    let made = Created::new(made).at(format!("{BASE}/api-keys/{id}"));
    entry.commit(transaction, made).await
}
