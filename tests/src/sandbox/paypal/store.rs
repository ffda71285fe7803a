//! What the fake PayPal holds.

use std::collections::HashMap;

use serde_json::Value;

use super::entity::Entity;
use super::records::{self, Maker};
use crate::sandbox::kit::times::FIRST_YEAR;
use crate::sandbox::kit::{Record, Shelf, ShelfError};

const DAY_S: i64 = 86_400;
/// How long ago the oldest dispute of the start was opened: inside the 180 days that PayPal lists.
const DISPUTES_S: i64 = 170 * DAY_S;

/// Every shelf and what can be set.
#[derive(Debug)]
pub(super) struct Store {
    shelves: HashMap<Entity, Shelf>,
    maker: Maker,
    pub(super) result_cap: usize,
    pub(super) report_delay_s: i64,
    pub(super) withheld: Vec<String>,
}

impl Store {
    /// A shop with `size` transactions and the rest in proportion.
    pub(super) fn new(seed: u64, size: u64, now_s: i64) -> Self {
        let shelves = Entity::ALL.map(|entity| (entity, Shelf::new(records::stamp_of(entity))));
        let mut store = Self {
            shelves: shelves.into(),
            maker: Maker::new(seed, size),
            result_cap: 10_000,
            report_delay_s: 3 * 3_600,
            withheld: Vec::new(),
        };
        let today = now_s - now_s.rem_euclid(DAY_S);
        for entity in Entity::ALL {
            let between = match entity {
                Entity::Disputes => (today - DISPUTES_S, today),
                _ => FIRST_YEAR,
            };
            for index in 0..store.maker.count(entity) {
                let created_s = store.maker.created_s(entity, index, between);
                store.put(entity, index, created_s);
            }
        }
        store
    }

    /// Adds records at the newest end; answers their ids.
    pub(super) fn create(&mut self, entity: Entity, records: u64, now_s: i64) -> Vec<String> {
        (0..records)
            .map(|_| {
                let index = self.shelf(entity).len() as u64;
                self.put(entity, index, now_s)
            })
            .collect()
    }

    fn put(&mut self, entity: Entity, index: u64, created_s: i64) -> String {
        let body = self.maker.make(entity, index, created_s);
        let id = records::stored_id(entity, &body).unwrap_or_default();
        self.shelf_mut(entity).put(&id, body, created_s);
        id
    }

    /// Changes a record; a subscription whose status changes says when.
    pub(super) fn update(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), ShelfError> {
        self.shelf_mut(entity).update(id, now_s, |body| {
            let before = body["status"].clone();
            change(body);
            if entity == Entity::Subscriptions && body["status"] != before {
                body["status_update_time"] = records::time(now_s).into();
            }
        })
    }

    pub(super) fn shelf(&self, entity: Entity) -> &Shelf {
        &self.shelves[&entity]
    }

    pub(super) fn shelf_mut(&mut self, entity: Entity) -> &mut Shelf {
        match self.shelves.get_mut(&entity) {
            Some(shelf) => shelf,
            None => unreachable!("every entity has a shelf"),
        }
    }

    /// The time up to which transactions can be searched.
    pub(super) fn reported_until_s(&self, now_s: i64) -> i64 {
        now_s - self.report_delay_s
    }

    /// The live records of an entity that a reader can find at this time, oldest first.
    pub(super) fn visible(&self, entity: Entity, now_s: i64) -> impl Iterator<Item = &Record> {
        let until_s = match entity {
            Entity::Transactions => self.reported_until_s(now_s),
            _ => i64::MAX,
        };
        self.shelf(entity)
            .live()
            .filter(move |record| record.created_s <= until_s)
    }
}
