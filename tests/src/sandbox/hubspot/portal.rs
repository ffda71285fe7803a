//! One portal: its records, and how they are numbered, changed and indexed.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::entity::Entity;
use super::properties::{Property, properties};
use super::records::Draft;
use super::times::{iso, millis};
use crate::draw::Draw;
use crate::sandbox::kit::{Record, Shelf, ShelfError, seeded};

/// The first record's number; those of one kind soon have one digit more.
const FIRST_ID: u64 = 951;

/// What a portal holds.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) seed: u64,
    pub(super) number: u64,
    shelves: Vec<(Shelf, Vec<Property>)>,
    /// The number given last, per entity.
    given: HashMap<Entity, u64>,
    /// What a record was before its last change: search goes on finding that for a while.
    before: HashMap<(Entity, String), Record>,
}

impl Portal {
    /// A portal with records made between these Unix seconds.
    pub(super) fn new(seed: u64, size: u64, between: (i64, i64)) -> Self {
        let shelf = |entity: Entity| (Shelf::new(stamp(entity)), properties(entity));
        let mut portal = Self {
            seed,
            number: 4_000_000 + seed % 1_000_000,
            // In the order of the entities' numbers, which is that of ALL.
            shelves: Entity::ALL.into_iter().map(shelf).collect(),
            given: HashMap::new(),
            before: HashMap::new(),
        };
        for entity in Entity::ALL {
            let count = entity.count(size);
            for index in 0..count {
                let at = seeded::created_s(seed ^ entity as u64, index, count, between);
                portal.create(entity, at);
            }
        }
        portal
    }

    pub(super) fn shelf(&self, entity: Entity) -> &Shelf {
        &self.shelves[entity as usize].0
    }

    pub(super) fn properties(&self, entity: Entity) -> &[Property] {
        &self.shelves[entity as usize].1
    }

    /// Adds a record; answers its id. Numbers rise, with gaps.
    pub(super) fn create(&mut self, entity: Entity, now_s: i64) -> String {
        let last = self.given.get(&entity).copied().unwrap_or(FIRST_ID - 1);
        let number = last + 1 + Draw::new(self.seed, 0x6a9, last).below(4);
        self.given.insert(entity, number);
        let id = number.to_string();
        let body = Draft::new(self, entity, &id, now_s).body();
        self.shelves[entity as usize].0.put(&id, body, now_s);
        id
    }

    /// Changes a record.
    pub(super) fn update(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), ShelfError> {
        self.remember(entity, id);
        self.shelves[entity as usize].0.update(id, now_s, |body| {
            change(body);
            texts_only(body);
        })
    }

    /// Archives a record.
    pub(super) fn delete(
        &mut self,
        entity: Entity,
        id: &str,
        now_s: i64,
    ) -> Result<(), ShelfError> {
        self.remember(entity, id);
        self.shelves[entity as usize].0.remove(id, now_s)
    }

    fn remember(&mut self, entity: Entity, id: &str) {
        if let Some(record) = self.shelf(entity).get(id).cloned() {
            self.before.insert((entity, id.to_owned()), record);
        }
    }

    /// The records as the index of search has them, which knows nothing of what happened after this second.
    pub(super) fn indexed(&self, entity: Entity, until_s: i64) -> Vec<&Record> {
        let as_indexed = |record| self.as_indexed(entity, record, until_s);
        self.shelf(entity).all().filter_map(as_indexed).collect()
    }

    fn as_indexed<'p>(
        &'p self,
        entity: Entity,
        record: &'p Record,
        until_s: i64,
    ) -> Option<&'p Record> {
        let known = if record.updated_s <= until_s {
            record
        } else {
            let before = self.before.get(&(entity, record.id.clone()))?;
            (before.updated_s <= until_s).then_some(before)?
        };
        known.is_live().then_some(known)
    }

    /// A record as it is sent, with these properties; all of them when `None`.
    pub(super) fn rendered(
        &self,
        entity: Entity,
        record: &Record,
        names: Option<&[String]>,
    ) -> Value {
        let fraction = millis(&record.id);
        let mut body = match entity {
            Entity::Owners => record.body.clone(),
            _ => json!({ "properties": self.chosen(entity, record, names) }),
        };
        body["id"] = record.id.as_str().into();
        body["createdAt"] = iso(record.created_s, fraction).into();
        body["updatedAt"] = iso(record.updated_s, fraction).into();
        body["archived"] = (!record.is_live()).into();
        if entity == Entity::Owners {
            return body;
        }
        if let Some(gone_s) = record.gone_s {
            body["archivedAt"] = iso(gone_s, fraction).into();
        }
        let place = format!("{}/record/{}/{}", self.number, entity.type_id(), record.id);
        body["url"] = format!("https://app.hubspot.com/contacts/{place}").into();
        body
    }

    fn chosen(&self, entity: Entity, record: &Record, names: Option<&[String]>) -> Value {
        let wanted = |property: &&Property| match names {
            None => true,
            Some([]) => property.is_default,
            Some(names) => property.is_constant || names.iter().any(|it| it == property.name()),
        };
        let chosen = self.properties(entity).iter().filter(wanted);
        let value = |name: &str| record.body["properties"][name].clone();
        chosen
            .map(|it| (it.name().to_owned(), value(it.name())))
            .collect::<Map<_, _>>()
            .into()
    }

    /// The truth about an entity: its live records with all their properties.
    pub(super) fn holds(&self, entity: Entity) -> Vec<(String, Value)> {
        let live = self.shelf(entity).live();
        live.map(|it| (it.id.clone(), self.rendered(entity, it, None)))
            .collect()
    }
}

/// Property values are texts, whatever somebody who changes them brings.
fn texts_only(body: &mut Value) {
    for value in body["properties"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
    {
        if !value.is_string() && !value.is_null() {
            *value = value.to_string().into();
        }
    }
}

fn stamp(entity: Entity) -> fn(&mut Record) {
    match entity {
        Entity::Owners => |_| {},
        Entity::Contacts => |record| dated(record, Entity::Contacts.modified()),
        _ => |record| dated(record, Entity::Deals.modified()),
    }
}

fn dated(record: &mut Record, modified: &str) {
    let fraction = millis(&record.id);
    let properties = &mut record.body["properties"];
    properties["hs_object_id"] = record.id.as_str().into();
    properties["createdate"] = iso(record.created_s, fraction).into();
    properties[modified] = iso(record.updated_s, fraction).into();
}
