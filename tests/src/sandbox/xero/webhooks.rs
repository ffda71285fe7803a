//! Webhooks as Xero sends them, and the "intent to receive" by which it tests whoever wants them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Xero;
use crate::sandbox::kit::{hmac_sha256, times};

/// One change that a webhook tells of.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// The entity's name in the catalogue: `contacts`, `invoices` or `credit_notes`.
    pub entity: &'a str,
    /// The record's id.
    pub id: &'a str,
    /// `CREATE` or `UPDATE`.
    pub event: &'a str,
}

/// A webhook: its body and the value of its header `x-xero-signature`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The body.
    pub body: String,
    /// The signature, right or wrong.
    pub signature: String,
}

impl Xero {
    /// The value of the header `x-xero-signature` for a body.
    pub fn webhook_signature(&self, body: &[u8]) -> String {
        STANDARD.encode(hmac_sha256(self.webhook_key().as_bytes(), body))
    }

    /// A webhook that tells of these changes, the first of them with this number.
    pub fn webhook(&self, first_sequence: u64, changes: &[Change<'_>]) -> Webhook {
        let now = times::zulu(self.clock().now());
        let events: Vec<Value> = changes
            .iter()
            .map(|change| {
                let list = super::Entity::named(change.entity).map_or("", |entity| entity.list());
                json!({
                    "resourceUrl": format!("https://api.xero.com/api.xro/2.0/{list}/{}", change.id),
                    "resourceId": change.id, "tenantId": self.tenant(), "tenantType": "ORGANISATION",
                    "eventCategory": list.trim_end_matches('s').to_uppercase(),
                    "eventType": change.event, "eventDateUtc": now.trim_end_matches('Z'),
                })
            })
            .collect();
        let last = (first_sequence + changes.len() as u64).saturating_sub(1);
        self.signed(first_sequence, last, &events)
    }

    /// What Xero sends before it sends anything else: the same body signed rightly, to be answered with 200, and wrongly,
    /// to be answered with 401.
    pub fn intent_to_receive(&self) -> [Webhook; 2] {
        let right = self.signed(0, 0, &[]);
        let wrong = Webhook {
            signature: STANDARD.encode(hmac_sha256(b"another key", right.body.as_bytes())),
            ..right.clone()
        };
        [right, wrong]
    }

    fn signed(&self, first: u64, last: u64, events: &[Value]) -> Webhook {
        let body = json!({
            "events": events, "firstEventSequence": first, "lastEventSequence": last,
            "entropy": format!("SANDBOX{first:012}"),
        })
        .to_string();
        Webhook {
            signature: self.webhook_signature(body.as_bytes()),
            body,
        }
    }
}
