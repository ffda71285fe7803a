//! One organisation: its records, and how they are identified and changed.

use serde_json::Value;

use super::entity::Entity;
use super::records::Draft;
use super::times::ms_date;
use crate::draw::Draw;
use crate::sandbox::kit::{Record, Shelf, ShelfError, Template, seeded};

/// What an organisation holds.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) seed: u64,
    shelves: Vec<(Shelf, Template)>,
}

impl Ledger {
    /// An organisation with records made between these Unix seconds.
    pub(super) fn new(seed: u64, size: u64, between: (i64, i64)) -> Self {
        let stamp = |record: &mut Record| {
            record.body["UpdatedDateUTC"] = ms_date(record.updated_s).into();
        };
        let shelf = |entity: Entity| (Shelf::new(stamp), entity.template());
        let mut ledger = Self {
            seed,
            // In the order of the entities' numbers, which is that of ALL.
            shelves: Entity::ALL.into_iter().map(shelf).collect(),
        };
        for entity in Entity::ALL {
            let count = entity.count(size);
            for index in 0..count {
                let at = seeded::created_s(seed ^ entity as u64, index, count, between);
                ledger.create(entity, at);
            }
        }
        ledger
    }

    pub(super) fn shelf(&self, entity: Entity) -> &Shelf {
        &self.shelves[entity as usize].0
    }

    pub(super) fn template(&self, entity: Entity) -> &Template {
        &self.shelves[entity as usize].1
    }

    /// Adds a record; answers its id.
    pub(super) fn create(&mut self, entity: Entity, now_s: i64) -> String {
        let index = self.shelf(entity).len() as u64;
        let id = seeded::guid(&mut Draw::new(self.seed, 400 + entity as u64, index));
        let body = Draft::new(self, entity, &id, now_s).body();
        self.shelves[entity as usize].0.put(&id, body, now_s);
        id
    }

    /// Changes a record; its id stays what it is.
    pub(super) fn update(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), ShelfError> {
        self.shelves[entity as usize].0.update(id, now_s, |body| {
            change(body);
            body[entity.id_pointer().trim_start_matches('/')] = id.into();
        })
    }

    /// Deletes a record the way Xero does: most stay, with another status.
    pub(super) fn delete(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
    ) -> Result<(), ShelfError> {
        let record = self.shelf(entity).get(id);
        match record.and_then(|record| entity.deleted(&record.body)) {
            Some((field, status)) => {
                self.update(entity, id, now_s, |body| body[field] = status.into())
            }
            None => self.shelves[entity as usize].0.remove(id, now_s),
        }
    }

    /// The record at a place drawn from all there ever were.
    pub(super) fn any(&self, entity: Entity, place: u64) -> Option<&Record> {
        let shelf = self.shelf(entity);
        let place = (place as usize).checked_rem(shelf.len())?;
        shelf.all().nth(place).filter(|record| record.is_live())
    }
}
