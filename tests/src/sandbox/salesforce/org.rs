//! One org: its objects and their records, and how they are numbered and changed.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::entity::Entity;
use super::fields::{Field, fields};
use super::records::Draft;
use super::{ids, times};
use crate::sandbox::kit::{Record, Shelf, ShelfError, seeded};

/// How long what was deleted can be seen in the bin.
pub(super) const BIN_S: i64 = 15 * 86_400;

/// What an org holds.
#[derive(Debug)]
pub(super) struct Org {
    pub(super) seed: u64,
    shelves: Vec<(Shelf, Vec<Field>)>,
    /// What the user may not see: for them it does not exist.
    withheld: HashSet<Entity>,
}

impl Org {
    /// An org with records made between these Unix seconds.
    pub(super) fn new(seed: u64, size: u64, between: (i64, i64)) -> Self {
        let shelf = |entity: Entity| (Shelf::new(stamp), fields(entity));
        let mut org = Self {
            seed,
            // In the order of the entities' numbers, which is that of ALL.
            shelves: Entity::ALL.into_iter().map(shelf).collect(),
            withheld: HashSet::new(),
        };
        for entity in Entity::ALL {
            let count = entity.count(size);
            for index in 0..count {
                let at = seeded::created_s(seed ^ entity as u64, index, count, between);
                org.create(entity, at);
            }
        }
        org
    }

    pub(super) fn shelf(&self, entity: Entity) -> &Shelf {
        &self.shelves[entity as usize].0
    }

    pub(super) fn fields(&self, entity: Entity) -> &[Field] {
        &self.shelves[entity as usize].1
    }

    pub(super) fn withhold(&mut self, entity: Entity) {
        self.withheld.insert(entity);
    }

    /// The object of this name, if the user may see it.
    pub(super) fn object(&self, name: &str) -> Option<Entity> {
        let found = Entity::ALL.into_iter();
        found
            .filter(|entity| !self.withheld.contains(entity))
            .find(|entity| entity.object().eq_ignore_ascii_case(name))
    }

    /// Adds a record; answers its id.
    pub(super) fn create(&mut self, entity: Entity, now_s: i64) -> String {
        let id = ids::id(entity.prefix(), self.shelf(entity).len() as u64);
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
            body["Id"] = id.into();
        })
    }

    /// Puts a record into the bin.
    pub(super) fn delete(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
    ) -> Result<(), ShelfError> {
        self.shelves[entity as usize].0.remove(id, now_s)
    }

    /// The id of the record at a place drawn from all there ever were.
    pub(super) fn any(&self, entity: Entity, place: u64) -> Option<&Record> {
        let shelf = self.shelf(entity);
        let place = (place as usize).checked_rem(shelf.len())?;
        shelf.all().nth(place)
    }

    /// The truth about an object: its live records with all their fields.
    pub(super) fn holds(&self, entity: Entity) -> Vec<(String, Value)> {
        self.shelf(entity).holds()
    }
}

/// What is in the bin at a time.
pub(super) fn in_bin(record: &Record, now_s: i64) -> bool {
    record.gone_s.is_some_and(|gone_s| now_s - gone_s < BIN_S)
}

/// Whether it is an activity that only `queryAll` gives, though it is there.
pub(super) fn is_archived(record: &Record) -> bool {
    record.body["IsArchived"] == true
}

/// A field of a record as it is sent. A tombstone tells that it is one, and when it became one.
pub(super) fn value(record: &Record, field: &str) -> Value {
    match (record.gone_s, field) {
        (Some(_), "IsDeleted") => true.into(),
        (Some(gone_s), "LastModifiedDate" | "SystemModstamp") => times::stamp(gone_s).into(),
        _ => record.body[field].clone(),
    }
}

/// A record as queries give it: the fields asked for, and where it can be read.
pub(super) fn rendered(record: &Record, object: &str, version: &str, names: &[String]) -> Value {
    let url = format!("/services/data/{version}/sobjects/{object}/{}", record.id);
    let mut body = Map::new();
    body.insert(
        "attributes".to_owned(),
        json!({ "type": object, "url": url }),
    );
    for name in names {
        body.insert(name.clone(), value(record, name));
    }
    body.into()
}

fn stamp(record: &mut Record) {
    let created = times::stamp(record.created_s);
    let changed = times::stamp(record.updated_s);
    record.body["CreatedDate"] = created.into();
    record.body["LastModifiedDate"] = changed.as_str().into();
    record.body["SystemModstamp"] = changed.into();
}
