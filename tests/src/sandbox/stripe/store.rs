//! What the sandbox holds now: the seeded world and, over it, what was created, changed and deleted since.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::entity::Entity;
use super::errors::StripeError;
use super::events::EventLog;
use super::query::{Condition, ListQuery};
use super::world::World;

/// One entity's records. Index order is creation order; a record that nobody changed is not stored but made anew from
/// the world whenever it is read.
#[derive(Debug, Default)]
struct Population {
    /// When the records made after the start were created: the first of them has the index after the world's last.
    later: Vec<i64>,
    changed: HashMap<u64, Arc<str>>,
    gone: BTreeSet<u64>,
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page {
    /// The JSON of each record, newest first.
    pub(super) records: Vec<String>,
    pub(super) has_more: bool,
}

/// What is at an id.
pub(super) enum Found {
    Record(String),
    Deleted,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) world: Arc<World>,
    pub(super) events: EventLog,
    /// Records on a page, however many are asked for.
    pub(super) page_at_most: usize,
    populations: [Population; 11],
}

impl Store {
    pub(super) fn new(world: Arc<World>, page_at_most: usize) -> Self {
        Self {
            page_at_most,
            events: EventLog::new(world.seed),
            world,
            populations: Default::default(),
        }
    }

    fn of(&self, entity: Entity) -> &Population {
        &self.populations[entity as usize]
    }

    fn of_mut(&mut self, entity: Entity) -> &mut Population {
        &mut self.populations[entity as usize]
    }

    /// How many indexes are in use, deleted records included.
    pub(super) fn len(&self, entity: Entity) -> u64 {
        self.world.count(entity) + self.of(entity).later.len() as u64
    }

    /// How many records there are.
    pub(super) fn count(&self, entity: Entity) -> u64 {
        self.len(entity) - self.of(entity).gone.len() as u64
    }

    /// When the record at this index was created. Never falls as the index grows, which lists rely on.
    pub(super) fn created(&self, entity: Entity, index: u64) -> i64 {
        match index.checked_sub(self.world.count(entity)) {
            None => self.world.created(entity, index),
            Some(place) => self.of(entity).later[place as usize],
        }
    }

    /// The JSON of the record at this index, deleted or not.
    pub(super) fn text(&self, entity: Entity, index: u64) -> String {
        match self.of(entity).changed.get(&index) {
            Some(text) => text.to_string(),
            None => self
                .world
                .render(entity, index, self.created(entity, index)),
        }
    }

    /// The index behind an id, if there is or was such a record.
    pub(super) fn index_of(&self, entity: Entity, id: &str) -> Option<u64> {
        self.world
            .index_of(entity, id)
            .filter(|index| *index < self.len(entity))
    }

    /// The index behind an id of a record that was not deleted.
    pub(super) fn live_index_of(&self, entity: Entity, id: &str) -> Option<u64> {
        self.index_of(entity, id)
            .filter(|index| !self.of(entity).gone.contains(index))
    }

    /// Every record's index, newest first.
    pub(super) fn live_indexes(&self, entity: Entity) -> impl Iterator<Item = u64> {
        (0..self.len(entity))
            .rev()
            .filter(move |index| !self.of(entity).gone.contains(index))
    }

    /// What a retrieve finds. Only customers leave something behind when they are deleted.
    pub(super) fn find(&self, entity: Entity, id: &str) -> Option<Found> {
        let index = self.index_of(entity, id)?;
        if !self.of(entity).gone.contains(&index) {
            return Some(Found::Record(self.text(entity, index)));
        }
        (entity == Entity::Customers).then_some(Found::Deleted)
    }

    /// One page of a list.
    pub(super) fn page(&self, entity: Entity, query: &ListQuery) -> Result<Page, StripeError> {
        let created = |index| self.created(entity, index);
        // The window of indexes the query allows: by creation time, then by the cursor.
        let mut low = first_index(self.len(entity), |index| {
            created(index) >= query.created.low
        });
        let mut high = first_index(self.len(entity), |index| {
            created(index) > query.created.high
        });
        if let Some(id) = &query.starting_after {
            high = high.min(self.cursor(entity, id, "starting_after")?);
        }
        let backwards = query.ending_before.is_some();
        if let Some(id) = &query.ending_before {
            low = low.max(self.cursor(entity, id, "ending_before")? + 1);
        }
        // Backwards, the page is the one next to the cursor, so the walk goes from the oldest up.
        let window = low.min(high)..high;
        let mut walk: Box<dyn Iterator<Item = u64>> = if backwards {
            Box::new(window)
        } else {
            Box::new(window.rev())
        };
        let mut records = Vec::with_capacity(query.limit);
        let mut has_more = false;
        for index in walk
            .by_ref()
            .filter(|index| !self.of(entity).gone.contains(index))
        {
            let full = records.len() == query.limit;
            if full && query.conditions.is_empty() {
                has_more = true;
                break;
            }
            let text = self.text(entity, index);
            if !meets(&query.conditions, &text) {
                continue;
            }
            if full {
                has_more = true;
                break;
            }
            records.push(text);
        }
        if backwards {
            records.reverse();
        }
        Ok(Page { records, has_more })
    }

    /// The index of a cursor. A deleted customer still is a place in the list, as it still can be retrieved.
    fn cursor(&self, entity: Entity, id: &str, param: &str) -> Result<u64, StripeError> {
        let index = match entity {
            Entity::Customers => self.index_of(entity, id),
            _ => self.live_index_of(entity, id),
        };
        index.ok_or_else(|| StripeError::missing(entity.object(), id, param))
    }

    /// Adds a record at the newest end, never older than the one before it; answers its index.
    pub(super) fn push(&mut self, entity: Entity, now_unix_s: i64) -> u64 {
        let index = self.len(entity);
        let newest = index
            .checked_sub(1)
            .map_or(i64::MIN, |newest| self.created(entity, newest));
        self.of_mut(entity).later.push(now_unix_s.max(newest));
        index
    }

    /// Replaces a record's JSON.
    pub(super) fn put(&mut self, entity: Entity, index: u64, text: Arc<str>) {
        self.of_mut(entity).changed.insert(index, text);
    }

    /// Takes a record out of the lists.
    pub(super) fn remove(&mut self, entity: Entity, index: u64) {
        self.of_mut(entity).gone.insert(index);
    }

    /// Puts one back that was taken out; returns whether it was.
    pub(super) fn put_back(&mut self, entity: Entity, index: u64) -> bool {
        self.of_mut(entity).gone.remove(&index)
    }
}

/// The first index in `0..len` for which the condition holds, when it holds for all after it too; `len` when for none.
fn first_index(len: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn meets(conditions: &[Condition], text: &str) -> bool {
    if conditions.is_empty() {
        return true;
    }
    let record: Value = serde_json::from_str(text).unwrap_or_default();
    conditions.iter().all(|condition| condition.met_by(&record))
}
