//! Keys to this API.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use rail_shared::domain::KeyId;
use rail_shared::secrets::ApiKey;
use rail_shared::store::api_keys::{self, KeyRow};
use rail_shared::store::audit;

use super::{BASE, Tag};
use crate::answer::{Created, Done, Listed};
use crate::auth::Caller;
use crate::body::Body;
use crate::problem::Problem;
use crate::refusal::{Creates, Finds, Reads, Refusal};
use crate::schemas::api_key::{KeyMade, KeyMeant, KeyShown, NewKey};
use crate::schemas::wire::Id;
use crate::state::Api;

/// The operations on keys.
#[derive(Debug)]
pub struct ApiKeys;

#[OpenApi(prefix_path = BASE, tag = "Tag::ApiKeys")]
impl ApiKeys {
    /// Create an API key.
    ///
    /// The answer shows the key this once: only its hash is kept. Needs the scope `admin`.
    #[oai(path = "/api-keys", method = "post", operation_id = "createApiKey")]
    async fn create(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        body: Body<NewKey>,
    ) -> Result<Created<KeyMade>, Refusal<Creates>> {
        let meant = body.read(api, ())?;
        let key = ApiKey::generate();
        let row = store(api, &caller, &meant, &key).await?;
        let location = format!("{BASE}/api-keys/{}", row.id);
        Ok(Created::new(KeyMade::new(row, &key)).at(location))
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
        api.grants.forget(id.0.0);
        Ok(Done)
    }
}

async fn store(
    api: &Api,
    caller: &Caller,
    meant: &KeyMeant,
    key: &ApiKey,
) -> Result<KeyRow, Problem> {
    let tenant = caller.tenant();
    let mut transaction = api.store.begin().await?;
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
    transaction.commit().await?;
    rows.into_iter()
        .find(|row| row.id == id)
        .ok_or_else(Problem::internal)
}
