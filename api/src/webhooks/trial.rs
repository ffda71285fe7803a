//! Trying a webhook.

use rail_shared::domain::EventId;
use rail_shared::events;
use rail_shared::store::webhooks::WebhookRow;
use serde_json::json;

use super::secrets::open;
use crate::http::problem::Problem;
use crate::schemas::webhook::WebhookTest;
use crate::state::Api;

/// What a test says it is; no event of the log is of this type.
const TEST: &str = "integration.webhook.test";

/// Sends a message that is no event, signed as events are, and says what the receiver answered.
///
/// # Errors
/// When its secrets do not open.
pub async fn test(api: &Api, row: &WebhookRow) -> Result<WebhookTest, Problem> {
    let secrets = open(api, row)?;
    let id = EventId::new();
    let body = json!({
        "type": TEST, "timestamp": api.clock.now(), "eventId": id, "data": {"webhookId": row.id},
    });
    let sent = events::send(&api.webhooks, &row.url, &secrets, id, body.to_string())
        .await
        .sent;
    Ok(WebhookTest {
        success: sent.error.is_none(),
        status: sent.status,
        answer: sent.answer,
        error: sent.error,
        latency_ms: u64::try_from(sent.latency.as_millis()).unwrap_or(u64::MAX),
    })
}
