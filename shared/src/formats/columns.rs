//! Which field of a record goes to which column.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

const ID: &str = "id";

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

/// The columns, and what the last record taught about the order of its fields.
#[derive(Debug)]
pub(super) struct Columns {
    names: Vec<String>,
    by_name: HashMap<String, usize>,
    /// The column of the nth field of the record before: records of one entity mostly name their fields in the same
    /// order, and comparing with one name is cheaper than looking it up.
    expected: Vec<Option<usize>>,
}

impl Columns {
    /// These, in this order. A name that comes again is left out.
    pub(super) fn new(mut names: Vec<String>) -> Self {
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let by_name = names.iter().cloned().zip(0..).collect();
        Self {
            names,
            by_name,
            expected: Vec::new(),
        }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn is_id(&self, column: usize) -> bool {
        self.names.get(column).is_some_and(|name| name == ID)
    }

    /// The value of each column in a JSON object. Of a field that comes twice, the last counts, as in Postgres.
    pub(super) fn read<'a>(
        &mut self,
        payload: &'a str,
    ) -> serde_json::Result<Vec<Option<&'a RawValue>>> {
        let mut reader = serde_json::Deserializer::from_str(payload);
        let values = reader.deserialize_map(Fields { columns: self })?;
        reader.end()?;
        Ok(values)
    }

    /// The column of the nth field of a record.
    pub(super) fn column_of(&mut self, nth: usize, name: &str) -> Option<usize> {
        if nth >= self.expected.len() {
            self.expected.resize(nth + 1, None);
        }
        let expected = self.expected[nth];
        if expected.is_some_and(|column| self.names[column] == name) {
            return expected;
        }
        let column = self.by_name.get(name).copied();
        self.expected[nth] = column;
        column
    }
}

struct Fields<'c> {
    columns: &'c mut Columns,
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![None; self.columns.names.len()];
        let mut nth = 0;
        loop {
            let name = FieldName {
                columns: self.columns,
                nth,
            };
            let Some(column) = map.next_key_seed(name)? else {
                return Ok(values);
            };
            let value: &'de RawValue = map.next_value()?;
            if let Some(column) = column {
                values[column] = Some(value);
            }
            nth += 1;
        }
    }
}

/// Reads a field's name as its column, without copying the name.
struct FieldName<'c> {
    columns: &'c mut Columns,
    nth: usize,
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
        Ok(self.columns.column_of(self.nth, name))
    }
}
