//! Learns in one pass which fields records have, and what these hold.

mod kind;
mod numbers;
pub(super) mod times;

use std::collections::HashMap;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use self::kind::Seen;
use super::fields::{Columns, ID, Values};
use super::{FormatError, RecordView};
use crate::domain::Nested;

pub use self::kind::Kind;

/// A field that records have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Whether one of them was null.
    pub has_nulls: bool,
    /// Whether it was missing in a record.
    pub is_sparse: bool,
}

impl Field {
    /// Whether both have the same column in a Parquet file.
    #[must_use]
    pub fn has_column_of(&self, other: &Self) -> bool {
        self.name == other.name
            && self.kind == other.kind
            && (self.name != ID || self.is_nullable() == other.is_nullable())
    }

    /// Whether there is a record that has no value there.
    #[must_use]
    pub fn is_nullable(&self) -> bool {
        self.has_nulls || self.is_sparse
    }
}

/// As manifests show it: `{"name": "amount", "type": "DECIMAL", "precision": 10, "scale": 2, "nullable": true}`.
impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            name: &'a str,
            #[serde(flatten)]
            kind: Kind,
            nullable: bool,
        }
        let shown = Shown {
            name: &self.name,
            kind: self.kind,
            nullable: self.is_nullable(),
        };
        shown.serialize(serializer)
    }
}

/// What was seen of the fields of some records.
#[derive(Debug)]
pub struct Survey {
    columns: Columns,
    fields: Vec<Surveyed>,
    /// The ids that stand in for the field `id` where a record has none.
    stand_ins: Seen,
    records: u64,
    nested: Nested,
    has_news: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Surveyed {
    seen: Seen,
    /// How many records have it, and the number of the last of them, from 1 on.
    records: u64,
    last: u64,
}

impl Survey {
    /// More fields no record has: where there are, names are taken from what should be values.
    pub const MAX_FIELDS: usize = 5_000;

    /// A survey that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::knowing(Vec::new())
    }

    /// One that knows these fields, which come first, and looks at all.
    #[must_use]
    pub fn knowing(fields: Vec<String>) -> Self {
        let columns = Columns::learning(fields, Self::MAX_FIELDS + 1);
        Self {
            fields: vec![Surveyed::default(); columns.names().len()],
            columns,
            stand_ins: Seen::default(),
            records: 0,
            nested: Nested::Json,
            has_news: false,
        }
    }

    /// One that looks at these fields only, however many others there are.
    #[must_use]
    pub fn of(fields: Vec<String>) -> Self {
        let columns = Columns::new(fields);
        Self {
            fields: vec![Surveyed::default(); columns.names().len()],
            columns,
            ..Self::new()
        }
    }

    /// The same, of which objects within a record are one field each, or their members are fields.
    #[must_use]
    pub fn with_nested(self, nested: Nested) -> Self {
        Self { nested, ..self }
    }

    /// Sees a record's fields, and says what they hold: first those that were named, in their order.
    ///
    /// # Errors
    /// [`FormatError::Payload`], when the payload cannot be read; the survey can go on without the record.
    /// [`FormatError::TooManyFields`], when that is what there are.
    pub fn record<'a>(&mut self, record: &RecordView<'a>) -> Result<Values<'a>, FormatError> {
        let values = match self.nested {
            Nested::Json => self.columns.read(record.payload),
            Nested::Flattened => self.columns.read_leaves(record.payload),
        };
        let values = values.map_err(|cause| FormatError::payload(record, cause))?;
        self.make_room()?;
        for (column, value) in values.iter().enumerate() {
            if let Some(value) = value {
                self.see(column, value);
            }
        }
        self.end(record);
        Ok(values)
    }

    /// The same, with these fields first, in this order; of what was seen nothing is lost.
    #[must_use]
    pub fn arranged(self, first: &[String]) -> Self {
        let mut names = first.to_vec();
        let rest = self.columns.names().iter();
        names.extend(rest.filter(|name| !first.contains(name)).cloned());
        let seen: HashMap<&String, Surveyed> = self
            .columns
            .names()
            .iter()
            .zip(self.fields.iter().copied())
            .collect();
        let seen = |name| seen.get(name).copied().unwrap_or_default();
        Self {
            fields: names.iter().map(seen).collect(),
            columns: self.columns.renamed(names),
            ..self
        }
    }

    /// The names of the fields, in the order of a record's values: new ones come behind those that it knows.
    #[must_use]
    pub fn names(&self) -> &[String] {
        self.columns.names()
    }

    /// Whether anything was seen since the last time that was never seen before.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    fn end(&mut self, record: &RecordView<'_>) {
        self.records += 1;
        let id = self.columns.id().and_then(|id| self.fields.get(id));
        if id.is_none_or(|id| id.last != self.records) {
            let before = self.stand_ins;
            self.stand_ins.text(record.external_id);
            self.has_news |= before != self.stand_ins;
        }
    }

    /// How many records were seen.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The fields: `id` first, the others by name. Where there are none, there is `id`, which all records have. Those that
    /// were [named](Self::of) are all there, seen or not.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = self
            .columns
            .names()
            .iter()
            .zip(&self.fields)
            .map(|(name, it)| self.field(name, it))
            .collect();
        if fields.is_empty() {
            fields.push(self.field(ID, &Surveyed::default()));
        }
        fields.sort_unstable_by(|a, b| (a.name != ID, &a.name).cmp(&(b.name != ID, &b.name)));
        fields
    }

    fn field(&self, name: &str, it: &Surveyed) -> Field {
        let seen = if name == ID {
            it.seen.join(self.stand_ins)
        } else {
            it.seen
        };
        Field {
            name: name.to_owned(),
            kind: seen.kind(),
            has_nulls: seen.has_null(),
            is_sparse: it.records < self.records,
        }
    }

    fn make_room(&mut self) -> Result<(), FormatError> {
        let count = self.columns.names().len();
        if count > Self::MAX_FIELDS {
            return Err(FormatError::TooManyFields {
                most: Self::MAX_FIELDS,
            });
        }
        self.fields.resize_with(count, Surveyed::default);
        Ok(())
    }

    fn see(&mut self, column: usize, value: &RawValue) {
        let field = &mut self.fields[column];
        let before = field.seen;
        field.seen.value(value.get());
        self.has_news |= before != field.seen;
        let number = self.records + 1;
        if field.last != number {
            field.last = number;
            field.records += 1;
        }
    }
}

impl Default for Survey {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
