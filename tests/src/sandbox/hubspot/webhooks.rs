//! Webhooks, signed as HubSpot signs them (version 3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::HubSpot;
use crate::sandbox::kit::hmac_sha256;

/// One change that a webhook tells of.
#[derive(Debug, Clone, Copy)]
pub struct Change<'c> {
    /// `contact.propertyChange`, `deal.deletion` …
    pub subscription: &'c str,
    /// The record's id.
    pub id: &'c str,
    /// The property that changed, and what it is now.
    pub property: Option<(&'c str, &'c str)>,
}

/// A request as HubSpot would send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The body.
    pub body: String,
    /// `X-HubSpot-Signature-v3`
    pub signature: String,
    /// `X-HubSpot-Request-Timestamp`, in milliseconds.
    pub timestamp: String,
}

impl HubSpot {
    /// A webhook for an app's URL, sent now by the sandbox's clock.
    pub fn webhook(&self, url: &str, changes: &[Change<'_>]) -> Webhook {
        let (now_ms, portal) = (self.clock().now() * 1_000, self.lock().number);
        let events = changes.iter().enumerate().map(|(place, change)| {
            let mut event = json!({
                "eventId": now_ms + place as i64, "subscriptionId": 1_000 + place, "portalId": portal, "appId": 77,
                "occurredAt": now_ms, "subscriptionType": change.subscription, "attemptNumber": 0,
                "objectId": change.id.parse::<u64>().unwrap_or_default(), "changeSource": "CRM_UI",
            });
            if let Some((name, value)) = change.property {
                event["propertyName"] = name.into();
                event["propertyValue"] = value.into();
            }
            event
        });
        let body = events.collect::<Value>().to_string();
        let timestamp = now_ms.to_string();
        let signature = self.webhook_signature(url, &body, &timestamp);
        Webhook {
            body,
            signature,
            timestamp,
        }
    }

    /// The signature of a POST of this body to this URL.
    pub fn webhook_signature(&self, url: &str, body: &str, timestamp: &str) -> String {
        let signed = format!("POST{url}{body}{timestamp}");
        let secret = self.oauth().client().secret.as_bytes();
        STANDARD.encode(hmac_sha256(secret, signed.as_bytes()))
    }
}
