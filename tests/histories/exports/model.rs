//! What there is to be exported, as of every moment.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::history::{Change, Form};

pub const ENTITIES: [&str; 2] = ["deals", "visits"];

/// What a file is to hold, by id.
pub type Rows = BTreeMap<String, Value>;

/// One entity.
#[derive(Debug, Clone, Default)]
pub struct Entity {
    rows: BTreeMap<u64, Row>,
    /// How many changes there were.
    pub changes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    value: u64,
    deleted: bool,
    /// The number of its last change.
    changed: u64,
}

/// Both, at one moment.
pub type State = [Entity; 2];

impl Entity {
    /// Whether that changes anything.
    pub fn take(&mut self, change: Change) {
        let next = self.changes + 1;
        let put: Vec<(u64, Option<u64>)> = match change {
            Change::Put {
                from, count, value, ..
            } => (from..from + count).map(|id| (id, Some(value))).collect(),
            Change::Delete { id, .. } => vec![(id, None)],
        };
        for (id, value) in put {
            let known = self.rows.get(&id).copied();
            let now = match (known, value) {
                (Some(row), Some(value)) if row.deleted || row.value != value => value,
                (None, Some(value)) => value,
                (Some(row), None) if !row.deleted => row.value,
                _ => continue,
            };
            let row = Row {
                value: now,
                deleted: value.is_none(),
                changed: next,
            };
            self.rows.insert(id, row);
            self.changes = next;
        }
    }

    pub fn has(&self, id: u64) -> bool {
        self.rows.get(&id).is_some_and(|row| !row.deleted)
    }

    /// What is there.
    pub fn now(&self, form: Form) -> Rows {
        let live = self.rows.iter().filter(|(_, row)| !row.deleted);
        live.map(|(id, row)| match form {
            Form::Lines | Form::Array => (id.to_string(), record(*id, row.value)),
            Form::Csv => (id.to_string(), cells(&record(*id, row.value))),
        })
        .collect()
    }

    /// What changed after the change of this number.
    pub fn since(&self, mark: u64) -> Rows {
        let changed = self
            .rows
            .iter()
            .filter(|(_, row)| row.changed > mark && (mark > 0 || !row.deleted));
        changed
            .map(|(id, row)| {
                let mut record = record(*id, row.value);
                record["_deleted"] = json!(row.deleted);
                (id.to_string(), record)
            })
            .collect()
    }
}

/// A record as it is put.
pub fn record(id: u64, value: u64) -> Value {
    json!({"id": id.to_string(), "padding": "x".repeat(120), "value": value})
}

/// All as text, as a table has it.
fn cells(record: &Value) -> Value {
    let members = record.as_object().into_iter().flatten();
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    members
        .map(|(name, value)| (name.clone(), json!(text(value))))
        .collect()
}
