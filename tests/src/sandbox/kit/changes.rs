//! Changes to what a vendor holds, asked for over `/_sandbox/mutations` or by a fault between two pages.

use serde_json::{Value, json};

use super::oauth::OAuth;
use super::pages::Aftermath;
use super::{ShelfError, merge};
use crate::sandbox::clock::Clock;
use crate::sandbox::exchange::Mutation;

/// A vendor whose records can be changed.
pub trait Changeable {
    /// Its entities.
    type Entity: Copy;

    /// The entity of this name in the catalogue.
    fn entity_named(&self, name: &str) -> Option<Self::Entity>;
    /// Creates records; answers their ids, oldest first.
    fn create(&self, entity: Self::Entity, count: u64) -> Vec<String>;
    /// Changes a record.
    fn change(
        &self,
        entity: Self::Entity,
        id: &str,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<(), ShelfError>;
    /// Deletes a record in the vendor's way.
    fn delete(&self, entity: Self::Entity, id: &str) -> Result<(), ShelfError>;
    /// The time inside.
    fn clock(&self) -> &Clock;
    /// Where its tokens come from, if it has any.
    fn oauth(&self) -> Option<&OAuth>;
}

/// Carries out a mutation; answers what changed, or why not.
pub fn mutate<V: Changeable>(vendor: &V, mutation: Mutation) -> Result<Value, String> {
    let known = |name: &str| {
        vendor
            .entity_named(name)
            .ok_or_else(|| format!("the sandbox has no entity '{name}'"))
    };
    let oauth = || {
        vendor
            .oauth()
            .ok_or_else(|| "this vendor has no tokens".to_owned())
    };
    let one = |id: String, outcome: Result<(), ShelfError>| {
        let said = outcome.map_err(|error| error.to_string());
        said.map(|()| json!({ "ids": [id] }))
    };
    match mutation {
        Mutation::Create { entity, count } => {
            Ok(json!({ "ids": vendor.create(known(&entity)?, count) }))
        }
        Mutation::Update { entity, id, patch } => {
            let outcome = vendor.change(known(&entity)?, &id, &mut |record| {
                merge(record, patch.clone());
            });
            one(id, outcome)
        }
        Mutation::Delete { entity, id } => {
            let outcome = vendor.delete(known(&entity)?, &id);
            one(id, outcome)
        }
        Mutation::SetClock { unix_s } => {
            vendor.clock().set(unix_s);
            Ok(json!({ "unixS": vendor.clock().now() }))
        }
        Mutation::AdvanceClock { seconds } => {
            vendor.clock().advance(seconds);
            Ok(json!({ "unixS": vendor.clock().now() }))
        }
        Mutation::ExpireTokens => Ok(oauth()?.expire_access_tokens()),
        Mutation::RevokeTokens => Ok(oauth()?.revoke_everything()),
    }
}

/// Carries out what a fault does after a page was cut. What cannot be done to a record is left undone.
pub fn carry_out<V: Changeable>(vendor: &V, entity: V::Entity, aftermath: &Aftermath) {
    match aftermath {
        Aftermath::Nothing => {}
        Aftermath::Create(count) => {
            vendor.create(entity, *count);
        }
        Aftermath::Delete(ids) => {
            for id in ids {
                let _ = vendor.delete(entity, id);
            }
        }
    }
}
