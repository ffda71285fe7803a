//! Webhooks as QuickBooks sends them: two forms of body, one signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::QuickBooks;
use super::entity::Entity;
use crate::sandbox::kit::{hmac_sha256, times};

/// One change that a webhook tells of.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// The entity's name in the catalogue.
    pub entity: &'a str,
    /// The record's id.
    pub id: &'a str,
    /// `Create`, `Update`, `Delete`, `Merge`, `Void` or `Emailed`.
    pub operation: &'a str,
}

impl QuickBooks {
    /// The value of the header `intuit-signature` for a body.
    pub fn webhook_signature(&self, body: &[u8]) -> String {
        STANDARD.encode(hmac_sha256(self.verifier_token().as_bytes(), body))
    }

    /// The body of the older form, `eventNotifications`.
    pub fn webhook_notifications(&self, changes: &[Change<'_>]) -> String {
        let now = times::zulu(self.clock().now());
        let entities: Vec<Value> = changes
            .iter()
            .map(|change| {
                json!({
                    "name": object(change), "id": change.id,
                    "operation": change.operation, "lastUpdated": now,
                })
            })
            .collect();
        let notification =
            json!({ "realmId": self.realm(), "dataChangeEvent": { "entities": entities } });
        json!({ "eventNotifications": [notification] }).to_string()
    }

    /// The body of the newer form, an array of CloudEvents.
    pub fn webhook_cloud_events(&self, changes: &[Change<'_>]) -> String {
        let now = times::zulu(self.clock().now());
        let past = |operation: &str| match operation.to_lowercase().as_str() {
            "void" => "voided".to_owned(),
            "emailed" => "emailed".to_owned(),
            verb => format!("{verb}d"),
        };
        let events: Vec<Value> = changes
            .iter()
            .map(|change| {
                let (entity, operation) = (object(change).to_lowercase(), past(change.operation));
                json!({
                    "specversion": "1.0",
                    "id": format!("{}-{entity}-{}-{now}", self.realm(), change.id),
                    "source": "intuit.sandbox",
                    "type": format!("qbo.{entity}.{operation}.v1"),
                    "datacontenttype": "application/json",
                    "time": now,
                    "intuitentityid": change.id,
                    "intuitaccountid": self.realm(),
                    "data": {},
                })
            })
            .collect();
        Value::from(events).to_string()
    }
}

fn object<'a>(change: &Change<'a>) -> &'a str {
    Entity::named(change.entity).map_or(change.entity, |entity| entity.object())
}
