//! One company: its records, and how they are numbered and changed.

use serde_json::Value;

use super::entity::Entity;
use super::records::Draft;
use super::times::pacific;
use crate::sandbox::kit::{self, Record, Shelf, ShelfError, Template, seeded};

/// What a company holds.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) seed: u64,
    shelves: Vec<(Shelf, Template)>,
    /// How many ids were given, per space of ids: accounts, names, items, transactions.
    given: [u64; 4],
}

impl Company {
    /// A company with records between these Unix seconds.
    pub(super) fn new(seed: u64, size: u64, between: (i64, i64)) -> Self {
        let mut company = Self {
            seed,
            shelves: Vec::new(),
            given: [0; 4],
        };
        // Shelves stand in the order of the entities' numbers.
        let mut by_number = Entity::ALL;
        by_number.sort_by_key(|entity| *entity as usize);
        for entity in by_number {
            company.shelves.push((Shelf::new(stamp), entity.template()));
        }
        let mut transactions = Vec::new();
        for entity in Entity::ALL {
            let count = entity.count(size);
            for index in 0..count {
                let created_s = seeded::created_s(seed ^ entity as u64, index, count, between);
                if entity.is_name_list() {
                    company.create(entity, created_s);
                } else {
                    transactions.push((created_s, entity));
                }
            }
        }
        // All kinds of transactions share one row of ids, in the order of their creation.
        transactions.sort_by_key(|(created_s, entity)| (*created_s, *entity as usize));
        for (created_s, entity) in transactions {
            company.create(entity, created_s);
        }
        company
    }

    pub(super) fn shelf(&self, entity: Entity) -> &Shelf {
        &self.shelves[entity as usize].0
    }

    pub(super) fn template(&self, entity: Entity) -> &Template {
        &self.shelves[entity as usize].1
    }

    /// Adds a record; answers its id.
    pub(super) fn create(&mut self, entity: Entity, now_s: i64) -> String {
        let space = match entity {
            Entity::Account => 0,
            Entity::Customer | Entity::Vendor => 1,
            Entity::Item => 2,
            _ => 3,
        };
        self.given[space] += 1;
        let id = self.given[space].to_string();
        let body = Draft::new(self, entity, &id, now_s).body();
        self.shelves[entity as usize].0.put(&id, body, now_s);
        id
    }

    /// Merges a patch into a record.
    pub(super) fn update(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), ShelfError> {
        let shelf = &mut self.shelves[entity as usize].0;
        shelf.update(id, now_s, |body| {
            change(body);
            body["Id"] = id.into();
        })
    }

    /// Deletes a transaction, or makes a name inactive; QuickBooks then marks the name.
    pub(super) fn delete(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
    ) -> Result<(), ShelfError> {
        let shelf = &mut self.shelves[entity as usize].0;
        if !entity.is_name_list() {
            return shelf.remove(id, now_s);
        }
        shelf.update(id, now_s, |body| {
            body["Active"] = false.into();
            let name = &mut body[entity.name_field()];
            *name = format!("{} (deleted)", name.as_str().unwrap_or_default()).into();
        })
    }

    /// The record at a place drawn from all there ever were.
    pub(super) fn any(&self, entity: Entity, place: u64) -> Option<&Record> {
        let shelf = self.shelf(entity);
        let place = (place as usize).checked_rem(shelf.len())?;
        shelf.all().nth(place)
    }

    /// A reference to such a record.
    pub(super) fn reference(&self, entity: Entity, place: u64) -> Value {
        match self.any(entity, place) {
            Some(record) => serde_json::json!({
                "value": record.id, "name": record.body[entity.name_field()],
            }),
            None => Value::Null,
        }
    }

    /// The truth about an entity, inactive names included.
    pub(super) fn holds(&self, entity: Entity) -> Vec<(String, Value)> {
        self.shelf(entity).holds()
    }
}

/// A record as it is sent once it was deleted.
pub(super) fn tombstone(record: &Record) -> Value {
    serde_json::json!({
        "Id": record.id, "domain": "QBO", "status": "Deleted",
        "MetaData": { "LastUpdatedTime": pacific(record.updated_s) },
    })
}

fn stamp(record: &mut Record) {
    record.body["SyncToken"] = record.revision.to_string().into();
    kit::merge(
        &mut record.body,
        serde_json::json!({ "MetaData": {
            "CreateTime": pacific(record.created_s), "LastUpdatedTime": pacific(record.updated_s),
        } }),
    );
}
