//! Reads a record's fields into columns: which field of a JSON object goes where, without copying its name.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::csv::leaves;

/// The field that stands first, and is there in any case.
pub(super) const ID: &str = "id";

/// What a record holds in each column: nothing where it lacks the field.
pub type Values<'a> = Vec<Option<&'a RawValue>>;

/// The header for these field names: sorted, each once, `id` first. Without any there is still `id`, so that no
/// record is lost.
pub fn columns_of(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut sorted: BTreeSet<String> = names.into_iter().collect();
    let id = sorted.take(ID);
    if id.is_none() && sorted.is_empty() {
        return vec![ID.to_owned()];
    }
    id.into_iter().chain(sorted).collect()
}

/// The columns, and what the records before taught about the order of their fields.
#[derive(Debug)]
pub(super) struct Columns {
    names: Vec<String>,
    by_name: HashMap<String, usize>,
    /// Which column came after a column the last time, the first one after none. Records of one entity mostly name their
    /// fields in the same order, also where one lacks a field, and comparing with one name is cheaper than looking it up.
    after: Vec<Option<usize>>,
    id: Option<usize>,
    unknown: Unknown,
}

/// What becomes of a field that is no column.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    /// It is passed over.
    Passed,
    /// It becomes one, as long as there are no more than these.
    Learned { most: usize },
}

impl Columns {
    /// These columns, in this order, a name that comes again left out; fields that are none of them are passed over.
    pub(super) fn new(mut names: Vec<String>) -> Self {
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let by_name: HashMap<_, _> = names.iter().cloned().zip(0..).collect();
        Self {
            after: vec![None; names.len() + 1],
            id: by_name.get(ID).copied(),
            names,
            by_name,
            unknown: Unknown::Passed,
        }
    }

    /// These columns, behind which each new field becomes one; those after the first `most` are passed over.
    pub(super) fn learning(known: Vec<String>, most: usize) -> Self {
        Self {
            unknown: Unknown::Learned { most },
            ..Self::new(known)
        }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The column of the field `id`.
    pub(super) fn id(&self) -> Option<usize> {
        self.id
    }

    pub(super) fn is_id(&self, column: usize) -> bool {
        self.id == Some(column)
    }

    /// The value of each column in a JSON object. Of a field that comes twice, the last counts, as in Postgres.
    pub(super) fn read<'a>(&mut self, payload: &'a str) -> serde_json::Result<Values<'a>> {
        let mut reader = serde_json::Deserializer::from_str(payload);
        let values = reader.deserialize_map(Fields { columns: self })?;
        reader.end()?;
        Ok(values)
    }

    /// The same of the [leaves] of the object.
    pub(super) fn read_leaves<'a>(&mut self, payload: &'a str) -> serde_json::Result<Values<'a>> {
        let mut values = vec![None; self.names.len()];
        let mut before = None;
        leaves(payload, |name, value| {
            if let Some(column) = self.column_of(before, name) {
                put(&mut values, column, value);
                before = Some(column);
            }
        })?;
        Ok(values)
    }

    /// The same, of these names: as ready to learn, and having learnt nothing.
    pub(super) fn renamed(self, names: Vec<String>) -> Self {
        Self {
            unknown: self.unknown,
            ..Self::new(names)
        }
    }

    /// The column of a field that stands after the one of column `before`.
    pub(super) fn column_of(&mut self, before: Option<usize>, name: &str) -> Option<usize> {
        let before = before.map_or(0, |column| column + 1);
        let expected = self.after[before];
        if expected.is_some_and(|column| self.names[column] == name) {
            return expected;
        }
        let column = self.by_name.get(name).copied().or_else(|| self.learn(name));
        if column.is_some() {
            self.after[before] = column;
        }
        column
    }

    fn learn(&mut self, name: &str) -> Option<usize> {
        let column = self.names.len();
        match self.unknown {
            Unknown::Learned { most } if column < most => {
                self.names.push(name.to_owned());
                self.by_name.insert(name.to_owned(), column);
                self.after.push(None);
                if name == ID {
                    self.id = Some(column);
                }
                Some(column)
            }
            Unknown::Learned { .. } | Unknown::Passed => None,
        }
    }
}

/// A column that was learnt on the way may be beyond those that there were.
fn put<'a>(values: &mut Values<'a>, column: usize, value: &'a RawValue) {
    if column >= values.len() {
        values.resize(column + 1, None);
    }
    values[column] = Some(value);
}

struct Fields<'c> {
    columns: &'c mut Columns,
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Values<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![None; self.columns.names.len()];
        let mut before = None;
        loop {
            let name = FieldName {
                columns: self.columns,
                before,
            };
            let Some(column) = map.next_key_seed(name)? else {
                return Ok(values);
            };
            let value: &'de RawValue = map.next_value()?;
            if let Some(column) = column {
                put(&mut values, column, value);
                before = Some(column);
            }
        }
    }
}

/// Reads a field's name as its column, without copying the name.
struct FieldName<'c> {
    columns: &'c mut Columns,
    before: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for FieldName<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.columns.column_of(self.before, name))
    }
}
