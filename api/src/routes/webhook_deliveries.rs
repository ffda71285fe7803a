//! What webhooks were told, and telling them again.

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use rail_shared::domain::{DeliveryOutcome, EventId, WebhookId};
use rail_shared::store::{self, PageAsk, audit};
use uuid::Uuid;

use super::{BASE, Tag};
use crate::http::answer::{Accepted, Found, Listed};
use crate::http::auth::Caller;
use crate::http::body::Body;
use crate::http::refusal::{Finds, ListsWithin, Refusal, Starts};
use crate::schemas::cursor::{cursor, default_limit, position};
use crate::schemas::webhook::{DeliveryAttempt, Recovery, Webhook, WebhookTest, place_of};
use crate::schemas::webhook_asked::{Recover, Resend};
use crate::schemas::wire::{Id, Word};
use crate::state::Api;
use crate::webhooks;

/// The operations on what webhooks are told.
#[derive(Debug, Default)]
pub struct WebhookDeliveries;

#[OpenApi(prefix_path = BASE, tag = "Tag::Webhooks")]
impl WebhookDeliveries {
    /// List attempts at a webhook.
    ///
    /// Newest first: what was sent, and what the receiver answered.
    #[oai(
        path = "/webhooks/:webhookId/attempts",
        method = "get",
        operation_id = "listWebhookAttempts"
    )]
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn attempts(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
        /// Only with this outcome.
        outcome: Query<Option<Word<DeliveryOutcome>>>,
        /// Only of this event.
        #[oai(name = "eventId")]
        event_id: Query<Option<Id<EventId>>>,
        /// At most so many.
        #[oai(
            default = "default_limit",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u16>,
        /// Where to go on: `nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<DeliveryAttempt>, Refusal<ListsWithin>> {
        let ask = PageAsk {
            limit: limit.0,
            after: position::<Uuid>(cursor.0.as_deref())?,
        };
        let webhook = webhooks::find(api, &caller, id.0.0).await?;
        let mut conn = api.store.connect().await?;
        let outcome = outcome.0.map(|word| word.0);
        let event = event_id.0.map(|id| id.0);
        let listed =
            store::webhooks::list_attempts(&mut conn, &webhook, outcome, event, ask).await?;
        let last = listed.rows.last().filter(|_| listed.more);
        let next = last.map(|row| self::cursor(place_of(row)));
        Ok(Listed::of(listed.rows, next))
    }

    /// Test a webhook.
    ///
    /// Sends a message of the type `integration.webhook.test`, signed as events are, now and once, and answers with what the
    /// receiver said. It stands neither in the log of events nor among the attempts.
    #[oai(
        path = "/webhooks/:webhookId/test",
        method = "post",
        operation_id = "testWebhook"
    )]
    async fn test(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
    ) -> Result<Found<WebhookTest>, Refusal<Finds>> {
        let webhook = webhooks::find(api, &caller, id.0.0).await?;
        Ok(Found::new(webhooks::test(api, &webhook).await?))
    }

    /// Send an event once more.
    ///
    /// Whether the webhook wants it or not, with the same `webhook-id` as before. What it has not come to yet it will send by
    /// itself: 409 `not-resendable`.
    #[oai(
        path = "/webhooks/:webhookId/resend",
        method = "post",
        operation_id = "resendEvent"
    )]
    async fn resend(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
        body: Body<Resend>,
    ) -> Result<Accepted<Webhook>, Refusal<Starts>> {
        let event = body.read(api, ())?;
        let webhook = webhooks::find(api, &caller, id.0.0).await?;
        let mut transaction = api.store.begin().await?;
        if !store::webhooks::resend(&mut transaction, &webhook, event).await? {
            return Err(webhooks::not_resendable().into());
        }
        let subject = id.0.0.to_string();
        audit::write(&mut transaction, caller.actor(), "webhook.resend", &subject).await?;
        transaction.commit().await?;
        webhooks::wake_one(api, id.0.0).await;
        Ok(Accepted::new(webhook).at(format!("{BASE}/webhooks/{}/attempts", id.0.0)))
    }

    /// Recover what was given up.
    ///
    /// Every event that was given up after three days, and that the receiver did not take since, is sent once more.
    #[oai(
        path = "/webhooks/:webhookId/recover",
        method = "post",
        operation_id = "recoverWebhook"
    )]
    async fn recover(
        &self,
        caller: Caller,
        Data(api): Data<&Api>,
        /// Which webhook.
        #[oai(name = "webhookId")]
        id: Path<Id<WebhookId>>,
        body: Body<Recover>,
    ) -> Result<Accepted<Recovery>, Refusal<Starts>> {
        let since = body.read(api, ())?;
        let webhook = webhooks::find(api, &caller, id.0.0).await?;
        let mut transaction = api.store.begin().await?;
        let events = store::webhooks::resend_given_up(&mut transaction, webhook.id, since).await?;
        let subject = id.0.0.to_string();
        audit::write(
            &mut transaction,
            caller.actor(),
            "webhook.recover",
            &subject,
        )
        .await?;
        transaction.commit().await?;
        webhooks::wake_one(api, id.0.0).await;
        let recovery = Recovery {
            events: u64::try_from(events).unwrap_or(u64::MAX),
        };
        Ok(Accepted::new(recovery).at(format!("{BASE}/webhooks/{}/attempts", id.0.0)))
    }
}
