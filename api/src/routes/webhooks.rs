//! Webhooks.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use rail_shared::domain::{WebhookId, WebhookStatus};
use rail_shared::store::{self, audit};

use super::{BASE, Tag};
use crate::http::answer::{Created, Done, Found, Listed};
use crate::http::auth::Caller;
use crate::http::body::Body;
use crate::http::idempotency::{IdempotencyKey, Once, Stop};
use crate::http::precondition::Precondition;
use crate::http::problem::Problem;
use crate::http::refusal::{Changes, Creates, Finds, Fits, Lists, Refusal};
use crate::schemas::cursor::{default_limit, next, page_ask};
use crate::schemas::webhook::Webhook;
use crate::schemas::webhook_asked::{NewWebhook, WebhookPatch};
use crate::schemas::wire::Id;
use crate::state::Api;
use crate::webhooks;

/// The operations on webhooks.
#[derive(Debug, Default)]
pub struct Webhooks;

#[OpenApi(prefix_path = BASE, tag = "Tag::Webhooks")]
impl Webhooks {
    /// Create a webhook.
    ///
    /// It gets every event from now on that it wants, signed as Standard Webhooks says: those on one connection in their order,
    /// each until the receiver answers with a 2xx, for three days. The answer shows the secret this once (and again to whoever
    /// repeats the request with its Idempotency-Key).
    #[oai(path = "/webhooks", method = "post", operation_id = "createWebhook")]
    async fn create(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Makes it safe to repeat the request: within 24 hours the same one with the same key does nothing again and gets
        /// the first answer. Another request with the key is refused with 422 `idempotency-key-reused`.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewWebhook>,
    ) -> Result<Once<Created<Webhook>>, Refusal<Creates>> {
        let made = async {
            let entry = key.enter(api, &caller, Some(body.json())).await?;
            let meant = body.read(api, &api.webhook_networks)?;
            webhooks::create(api, &caller, meant, &entry).await
        };
        Ok(made.await.or_else(Stop::answer)?)
    }

    /// List webhooks.
    ///
    /// Newest first.
    #[oai(path = "/webhooks", method = "get", operation_id = "listWebhooks")]
    async fn list(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<Webhook>, Refusal<Lists>> {
        let ask = page_ask::<WebhookId>(limit.0, cursor.0.as_deref())?;
        let mut conn = api.store.connect().await?;
        let listed = store::webhooks::list(&mut conn, caller.tenant(), ask).await?;
        let next = next(&listed, |row| row.id);
        Ok(Listed::of(listed.rows, next))
    }

    /// Get a webhook.
    ///
    /// Where it stands, and how far it was told; never its secret.
    #[oai(
        path = "/webhooks/:webhookId",
        method = "get",
        operation_id = "getWebhook"
    )]
    async fn get(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
    ) -> Result<Found<Webhook>, Refusal<Finds>> {
        Ok(webhooks::tagged(
            webhooks::find(api, &caller, id.0.0).await?,
        ))
    }

    /// Change a webhook.
    ///
    /// Takes effect within seconds, also while events are being sent. A receiver that failed is tried again at once. With If-Match the change
    /// is made only to that version.
    #[oai(
        path = "/webhooks/:webhookId",
        method = "patch",
        operation_id = "updateWebhook"
    )]
    async fn update(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
        /// The ETag of the version to change; 412 when it is another by now.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<WebhookPatch>,
    ) -> Result<Found<Webhook>, Refusal<Changes>> {
        let row = webhooks::find(api, &caller, id.0.0).await?;
        let precondition = Precondition::of(if_match.0.as_deref(), &webhooks::etag(&row))?;
        let meant = body.read(api, &api.webhook_networks)?;
        let row = webhooks::change(api, &caller, &row, meant)
            .await
            .map_err(|problem| precondition.judge(problem))?;
        Ok(webhooks::tagged(row))
    }

    /// Delete a webhook.
    ///
    /// It gets nothing more, and its log of attempts is gone.
    #[oai(
        path = "/webhooks/:webhookId",
        method = "delete",
        operation_id = "deleteWebhook"
    )]
    async fn delete(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
    ) -> Result<Done, Refusal<Finds>> {
        let mut transaction = api.store.begin().await?;
        if !store::webhooks::erase(&mut transaction, caller.tenant(), id.0.0).await? {
            return Err(Problem::not_found("webhook").into());
        }
        let subject = id.0.0.to_string();
        audit::write(&mut transaction, caller.actor(), "webhook.delete", &subject).await?;
        transaction.commit().await?;
        Ok(Done)
    }

    /// Pause a webhook.
    ///
    /// Within seconds nothing more is sent until it is resumed; it keeps its place.
    #[oai(
        path = "/webhooks/:webhookId/pause",
        method = "post",
        operation_id = "pauseWebhook"
    )]
    async fn pause(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
    ) -> Result<Found<Webhook>, Refusal<Finds>> {
        Ok(set(api, &caller, id.0.0, WebhookStatus::Paused, "webhook.pause").await?)
    }

    /// Resume a webhook.
    ///
    /// A paused or disabled one goes on from its place with everything that happened since, as far as it is kept; one that
    /// waits because its receiver failed is tried at once.
    #[oai(
        path = "/webhooks/:webhookId/resume",
        method = "post",
        operation_id = "resumeWebhook"
    )]
    async fn resume(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
    ) -> Result<Found<Webhook>, Refusal<Finds>> {
        let resumed = set(
            api,
            &caller,
            id.0.0,
            WebhookStatus::Enabled,
            "webhook.resume",
        )
        .await?;
        webhooks::wake_one(api, id.0.0).await;
        Ok(resumed)
    }

    /// Rotate a webhook's secret.
    ///
    /// The answer shows the new one this once. The one before goes on signing beside it for 24 hours, so that the receiver can
    /// be changed meanwhile without an event that it cannot check.
    #[oai(
        path = "/webhooks/:webhookId/rotate-secret",
        method = "post",
        operation_id = "rotateWebhookSecret"
    )]
    async fn rotate(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
    ) -> Result<Found<Webhook>, Refusal<Fits>> {
        let row = webhooks::find(api, &caller, id.0.0).await?;
        let (row, secret) = webhooks::rotate(api, &caller, &row).await?;
        let etag = webhooks::etag(&row);
        let shown = Webhook::from(row).with_secret(secret.reveal());
        Ok(Found::new(shown).tagged(etag))
    }
}

async fn set(
    api: &Api,
    caller: &Caller,
    id: WebhookId,
    status: WebhookStatus,
    action: &'static str,
) -> Result<Found<Webhook>, Problem> {
    let mut transaction = api.store.begin().await?;
    let set = store::webhooks::set_status(&mut transaction, caller.tenant(), id, status).await?;
    let row = set.ok_or_else(|| Problem::not_found("webhook"))?;
    audit::write(&mut transaction, caller.actor(), action, &id.to_string()).await?;
    transaction.commit().await?;
    Ok(webhooks::tagged(row))
}
