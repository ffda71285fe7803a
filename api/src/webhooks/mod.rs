//! Webhooks: made, changed, tried, and woken when there is something to tell them.

mod change;
mod create;
mod secrets;
mod trial;
mod wake;

use poem::http::StatusCode;
use rail_shared::domain::WebhookId;
use rail_shared::store::webhooks::{self, WebhookRow};

pub use change::{change, rotate};
pub use create::create;
pub use trial::test;
pub use wake::{wake, wake_one};

use crate::http::answer::Found;
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::schemas::webhook::Webhook;
use crate::state::Api;

/// A webhook of the caller's tenant.
///
/// # Errors
/// 404 when there is none.
pub async fn find(api: &Api, caller: &Caller, id: WebhookId) -> Result<WebhookRow, Problem> {
    let mut conn = api.store.connect().await?;
    let found = webhooks::find(&mut conn, caller.tenant(), id).await?;
    found.ok_or_else(|| Problem::not_found("webhook"))
}

/// The version of a webhook, as ETag.
pub fn etag(row: &WebhookRow) -> String {
    format!("\"v{}\"", row.version)
}

/// A webhook as it is answered, with its version.
pub fn tagged(row: WebhookRow) -> Found<Webhook> {
    let etag = etag(&row);
    Found::new(row).tagged(etag)
}

/// An event that cannot be sent once more.
pub fn not_resendable() -> Problem {
    let detail = "The log has no such event any more, or the webhook has not come to it yet and will send it by itself.";
    Problem::new(StatusCode::CONFLICT, "not-resendable", detail)
}
