//! Entities that a file permits without naming them: one whose name has the right form is read as another that it names.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::file::{AnyEntity, Changes, ConnectorFile, Entity};
use super::invalid::FileFault;
use super::outline::Outline;
use super::rules::{self, EntityRules};
use super::tables::Tables;

/// Longer names have no place: a custom object of Salesforce has 73 letters at most, its namespace and its kind among them.
const MAX_NAME_BYTES: usize = 80;

/// Which entities there may be beside those that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherEntities<'c> {
    /// The pattern that the whole of a name matches.
    pub pattern: &'c str,
    /// The same in words.
    pub expects: &'c str,
}

/// What a file permits.
#[derive(Debug)]
pub(super) struct Permitted {
    pattern: String,
    expects: String,
    validator: Validator,
    /// The value that is the name.
    value: String,
    /// The entity as which others are read, and its place in the file.
    like: Entity,
    place: usize,
    /// What the listed ones have as that value, in small letters, and how they are named.
    listed: BTreeMap<String, String>,
    tables: Tables,
}

impl Permitted {
    /// `None` where a file permits none, or where what it says of them is wrong.
    pub(super) fn of(
        file: &ConnectorFile,
        tables: Tables,
        outline: &Outline<'_>,
        faults: &mut Vec<FileFault>,
    ) -> Option<Self> {
        let AnyEntity {
            pattern,
            expects,
            value,
            like,
            path,
        } = file.any_entity.as_ref()?;
        let before = faults.len();
        let mut wrong = |what: String| {
            let what = format!("[any_entity] {what}");
            faults.push(outline.at_key("any_entity", what));
        };
        let pattern = format!("^(?:{pattern})$");
        let schema = json!({ "type": "string", "pattern": pattern });
        let validator = jsonschema::validator_for(&schema).ok();
        if validator.is_none() {
            wrong("has a pattern that cannot be read".to_owned());
        }
        if file.store.is_some() {
            wrong("has no place where the records are in an object store".to_owned());
        }
        let mut all = file.entities.iter().enumerate();
        let found = all.find(|(_, entity)| entity.name == *like);
        match found {
            None => wrong(format!("is read like {like}, which is no entity")),
            Some((_, Entity { values, .. })) if !values.contains_key(value) => wrong(format!(
                "puts the name into {value}, which is not among the values of {like}"
            )),
            Some((_, Entity { changes, .. })) => {
                if matches!(changes, Some(Changes::Feed { .. })) {
                    wrong(format!(
                        "is read like {like}, whose changes a feed tells by its own types"
                    ));
                }
            }
        }
        let (Some(validator), Some((place, entity)), true) =
            (validator, found, faults.len() == before)
        else {
            return None;
        };
        let taken = file.entities.iter().filter_map(|entity| {
            let own = entity.values.get(value)?;
            Some((own.to_ascii_lowercase(), entity.name.clone()))
        });
        let mut entity = entity.clone();
        entity.path = path.clone().or(entity.path);
        Some(Self {
            listed: taken.collect(),
            like: entity,
            pattern,
            expects: expects.clone(),
            validator,
            value: value.clone(),
            place,
            tables,
        })
    }

    pub(super) fn told(&self) -> OtherEntities<'_> {
        OtherEntities {
            pattern: &self.pattern,
            expects: &self.expects,
        }
    }

    pub(super) fn like(&self) -> &str {
        &self.like.name
    }

    /// The name under which a listed entity is what this one would be.
    pub(super) fn listed_as(&self, name: &str) -> Option<&str> {
        let found = self.listed.get(&name.to_ascii_lowercase());
        found.map(String::as_str)
    }

    /// Whether there may be an entity of this name. Whatever the pattern lets through, a name goes into paths and queries as
    /// it is and is a file's name: nothing of it may mean something there.
    pub(super) fn permits(&self, name: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        name.len() <= MAX_NAME_BYTES
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(plain)
            && self.validator.is_valid(&Value::from(name))
            && self.listed_as(name).is_none()
    }

    /// How the entity of this name is read; `None` where there can be none.
    pub(super) fn rules(&self, name: &str) -> Option<EntityRules> {
        if !self.permits(name) {
            return None;
        }
        let mut entity = self.like.clone();
        entity.values.insert(self.value.clone(), name.to_owned());
        entity.name = name.to_owned();
        let rules = rules::rules(self.place, &entity, &self.tables, None).ok()?;
        Some(EntityRules {
            name: name.to_owned(),
            named_by_caller: true,
            ..rules
        })
    }
}
