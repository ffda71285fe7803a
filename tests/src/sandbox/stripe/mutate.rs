//! Changes to what the sandbox holds, each with the events Stripe would send for it.

use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;

use super::entity::Entity;
use super::events::previous_attributes;
use super::order;
use super::records::later_refund_amount;
use super::store::Store;

/// Why a change was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MutationError {
    /// No collection of this name.
    #[error("the sandbox has no entity '{0}'")]
    UnknownEntity(String),
    /// No live record with this id.
    #[error("there is no record '{0}'")]
    UnknownRecord(String),
    /// Stripe never deletes these.
    #[error("{0} cannot be deleted")]
    NotDeletable(&'static str),
    /// The change took away or replaced what makes the record that record.
    #[error("an update must leave id, object and created as they are")]
    Identity,
}

impl Store {
    /// Creates records at the newest end; answers their ids, oldest first.
    pub(super) fn create(&mut self, entity: Entity, records: u64, now_unix_s: i64) -> Vec<String> {
        (0..records)
            .map(|_| {
                let index = self.push(entity, now_unix_s);
                let text: Arc<str> = self.text(entity, index).into();
                self.book_on_charge(entity, &text, now_unix_s);
                let event = match entity {
                    // Stripe has no charge.created: a charge is announced by how it went.
                    Entity::Charges if field(&text, "status") == "failed" => {
                        Some("charge.failed".to_owned())
                    }
                    Entity::Charges => Some("charge.succeeded".to_owned()),
                    _ => entity
                        .event_prefix()
                        .map(|prefix| format!("{prefix}.created")),
                };
                if let Some(event) = event {
                    self.events.record(now_unix_s, event, text, None);
                }
                self.world.id(entity, index)
            })
            .collect()
    }

    /// Shows a new refund or dispute on its charge.
    fn book_on_charge(&mut self, entity: Entity, record: &str, now_unix_s: i64) {
        if !matches!(entity, Entity::Refunds | Entity::Disputes) {
            return;
        }
        let Some(index) = self.live_index_of(Entity::Charges, &field(record, "charge")) else {
            return;
        };
        // The charge is there, and what changes is not its identity, so this cannot be refused.
        let _ = self.change(Entity::Charges, index, now_unix_s, |charge| {
            if entity == Entity::Disputes {
                charge["disputed"] = true.into();
                return;
            }
            let charged = charge["amount"].as_i64().unwrap_or(0);
            let refunded = charge["amount_refunded"].as_i64().unwrap_or(0);
            let refunded = (refunded + later_refund_amount(charged)).min(charged);
            charge["amount_refunded"] = refunded.into();
            charge["refunded"] = (refunded == charged).into();
        });
    }

    /// Changes a record. A change that changes nothing sends no event, as with Stripe.
    pub(super) fn update(
        &mut self,
        entity: Entity,
        id: &str,
        now_unix_s: i64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), MutationError> {
        let index = self.expect_live(entity, id)?;
        self.change(entity, index, now_unix_s, change)
    }

    fn change(
        &mut self,
        entity: Entity,
        index: u64,
        now_unix_s: i64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), MutationError> {
        let old: Value = serde_json::from_str(&self.text(entity, index)).unwrap_or_default();
        let mut new = old.clone();
        change(&mut new);
        if ["id", "object", "created"]
            .iter()
            .any(|key| new.get(*key) != old.get(*key))
        {
            return Err(MutationError::Identity);
        }
        if new == old {
            return Ok(());
        }
        if entity == Entity::Products && new["updated"] == old["updated"] {
            new["updated"] = now_unix_s.into();
        }
        let previous = previous_attributes(&old, &new);
        let text: Arc<str> = order::write(&new).into();
        self.put(entity, index, Arc::clone(&text));
        for event in update_events(entity, &old, &new) {
            self.events
                .record(now_unix_s, event, Arc::clone(&text), previous.clone());
        }
        Ok(())
    }

    /// Writes a record's keys in the opposite order, but for the two that come first.
    pub(super) fn respell(&mut self, entity: Entity, id: &str) -> Result<(), MutationError> {
        let index = self.expect_live(entity, id)?;
        let record: Value = serde_json::from_str(&self.text(entity, index)).unwrap_or_default();
        let text = order::write_respelled(&record);
        self.put(entity, index, text.into());
        Ok(())
    }

    /// Takes a record out of the lists, and tells nobody.
    pub(super) fn lose(&mut self, entity: Entity, id: &str) -> Result<(), MutationError> {
        let index = self.expect_live(entity, id)?;
        self.remove(entity, index);
        Ok(())
    }

    /// Puts it back.
    pub(super) fn find_again(&mut self, entity: Entity, id: &str) -> Result<(), MutationError> {
        match self.index_of(entity, id) {
            Some(index) if self.put_back(entity, index) => Ok(()),
            _ => Err(MutationError::UnknownRecord(id.to_owned())),
        }
    }

    fn expect_live(&self, entity: Entity, id: &str) -> Result<u64, MutationError> {
        self.live_index_of(entity, id)
            .ok_or_else(|| MutationError::UnknownRecord(id.to_owned()))
    }

    /// Deletes a record. Subscriptions are not deleted but canceled, which Stripe calls deleted in the event.
    pub(super) fn delete(
        &mut self,
        entity: Entity,
        id: &str,
        now_unix_s: i64,
    ) -> Result<(), MutationError> {
        let index = self.expect_live(entity, id)?;
        let mut record: Value = serde_json::from_str(&self.text(entity, index)).unwrap_or_default();
        match entity {
            Entity::Customers | Entity::Products | Entity::Prices | Entity::Invoices => {
                self.remove(entity, index);
            }
            Entity::Subscriptions => {
                record["status"] = "canceled".into();
                record["canceled_at"] = now_unix_s.into();
                record["ended_at"] = now_unix_s.into();
                record["cancellation_details"]["reason"] = "cancellation_requested".into();
                self.put(entity, index, order::write(&record).into());
            }
            _ => return Err(MutationError::NotDeletable(entity.name())),
        }
        if let Some(prefix) = entity.event_prefix() {
            self.events.record(
                now_unix_s,
                format!("{prefix}.deleted"),
                order::write(&record).into(),
                None,
            );
        }
        Ok(())
    }
}

/// The events an update sends.
fn update_events(entity: Entity, old: &Value, new: &Value) -> Vec<String> {
    let status =
        (old["status"] != new["status"]).then(|| new["status"].as_str().unwrap_or_default());
    let mut types = Vec::new();
    match entity {
        // A payment intent has no event for an update as such, only for where it got to.
        Entity::PaymentIntents => types.extend(status.map(|status| match status {
            "requires_payment_method" => "payment_intent.payment_failed".to_owned(),
            "requires_capture" => "payment_intent.amount_capturable_updated".to_owned(),
            status => format!("payment_intent.{status}"),
        })),
        Entity::Charges if old["amount_refunded"] != new["amount_refunded"] => {
            types.push("charge.refunded".to_owned());
        }
        Entity::Invoices => {
            types.push("invoice.updated".to_owned());
            types.extend(status.and_then(|status| match status {
                "open" => Some("invoice.finalized".to_owned()),
                "paid" => Some("invoice.paid".to_owned()),
                "void" => Some("invoice.voided".to_owned()),
                "uncollectible" => Some("invoice.marked_uncollectible".to_owned()),
                _ => None,
            }));
        }
        Entity::Disputes if matches!(status, Some("won" | "lost")) => {
            types.push("charge.dispute.closed".to_owned());
        }
        Entity::Payouts if matches!(status, Some("paid" | "failed" | "canceled")) => {
            types.extend(status.map(|status| format!("payout.{status}")));
        }
        other => types.extend(
            other
                .event_prefix()
                .map(|prefix| format!("{prefix}.updated")),
        ),
    }
    types
}

/// A top-level string of a record, or nothing.
fn field(text: &str, name: &str) -> String {
    let record: Value = serde_json::from_str(text).unwrap_or_default();
    record[name].as_str().unwrap_or_default().to_owned()
}
