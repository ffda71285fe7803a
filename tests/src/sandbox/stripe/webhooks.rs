//! Webhooks, signed as Stripe signs them.

use super::Stripe;
use crate::sandbox::kit::hmac_sha256;

/// What the sandbox's endpoint is given to check signatures with.
pub const WEBHOOK_SECRET: &str = "whsec_sandbox_of_the_rail";

/// A webhook as Stripe would send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The event, as `/v1/events` shows it.
    pub body: String,
    /// The header `Stripe-Signature`.
    pub signature: String,
}

impl Stripe {
    /// The newest event, sent now; `None` when nothing has happened yet.
    pub fn webhook(&self) -> Option<Webhook> {
        let now_s = self.clock().now();
        let store = self.lock();
        let newest = store.events.ids(now_s).into_iter().next()?;
        let body = store.events.find(&newest, now_s)?;
        drop(store);
        Some(Webhook {
            signature: signature(WEBHOOK_SECRET, now_s, body.as_bytes()),
            body,
        })
    }
}

/// The header `Stripe-Signature` of a body, sent at this Unix second to an endpoint with this secret.
pub fn signature(secret: &str, sent_s: i64, body: &[u8]) -> String {
    let message = [format!("{sent_s}.").as_bytes(), body].concat();
    let signature: String = hmac_sha256(secret.as_bytes(), &message)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={sent_s},v1={signature}")
}
