//! The records of one entity.

use std::collections::HashMap;

use serde_json::Value;
use thiserror::Error;

/// One record and when things happened to it, in Unix seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The id under which the vendor finds it.
    pub id: String,
    /// Its JSON; numbers that must keep their digits are [`exact`](super::exact).
    pub body: Value,
    /// When it was created.
    pub created_s: i64,
    /// When it was last changed, or deleted.
    pub updated_s: i64,
    /// When it was deleted. It stays as a tombstone for the vendors that can tell.
    pub gone_s: Option<i64>,
    /// How often it was changed since it was created.
    pub revision: u64,
}

impl Record {
    /// Whether it was not deleted.
    pub fn is_live(&self) -> bool {
        self.gone_s.is_none()
    }
}

/// Writes a record's times (and revision) into its JSON, through the vendor's own fields.
pub type Stamp = fn(&mut Record);

/// Why a change was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ShelfError {
    /// No live record with this id.
    #[error("there is no record '{0}'")]
    UnknownRecord(String),
    /// The vendor never removes records of this kind.
    #[error("no {0} are ever removed")]
    Lasting(&'static str),
}

/// All records of one entity, deleted ones included, in the order of their creation.
#[derive(Debug, Clone)]
pub struct Shelf {
    stamp: Stamp,
    records: Vec<Record>,
    places: HashMap<String, usize>,
}

impl Shelf {
    /// An empty one.
    pub fn new(stamp: Stamp) -> Self {
        Self {
            stamp,
            records: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Adds a record that was created at this time; one with the same id is replaced.
    pub fn put(&mut self, id: &str, body: Value, created_s: i64) {
        let mut record = Record {
            id: id.to_owned(),
            body,
            created_s,
            updated_s: created_s,
            gone_s: None,
            revision: 0,
        };
        (self.stamp)(&mut record);
        match self.places.get(id) {
            Some(place) => self.records[*place] = record,
            None => {
                self.places.insert(id.to_owned(), self.records.len());
                self.records.push(record);
            }
        }
    }

    /// Changes a live record. Its time of change never falls, whatever the clock does.
    pub fn update(
        &mut self,
        id: &str,
        now_s: i64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), ShelfError> {
        let stamp = self.stamp;
        let record = self.live_mut(id)?;
        change(&mut record.body);
        record.updated_s = record.updated_s.max(now_s);
        record.revision += 1;
        stamp(record);
        Ok(())
    }

    /// Deletes a live record and keeps its tombstone.
    pub fn remove(&mut self, id: &str, now_s: i64) -> Result<(), ShelfError> {
        let record = self.live_mut(id)?;
        record.updated_s = record.updated_s.max(now_s);
        record.gone_s = Some(record.updated_s);
        Ok(())
    }

    /// A live record.
    pub fn get(&self, id: &str) -> Option<&Record> {
        self.find(id).filter(|record| record.is_live())
    }

    /// A record, deleted or not.
    pub fn find(&self, id: &str) -> Option<&Record> {
        self.places.get(id).map(|place| &self.records[*place])
    }

    /// Every record, tombstones included, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    /// Every live record, oldest first.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.all().filter(|record| record.is_live())
    }

    /// What was changed at or after this time, tombstones included, in the order of change.
    pub fn changed_since(&self, unix_s: i64) -> Vec<&Record> {
        let mut changed: Vec<&Record> = self
            .all()
            .filter(|record| record.updated_s >= unix_s)
            .collect();
        changed.sort_by_key(|record| record.updated_s);
        changed
    }

    /// How many records there ever were: what the next one may be numbered after.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there never was one.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The live records by id, as a reader of their JSON would have them: the truth for [`Vendor::holds`].
    ///
    /// [`Vendor::holds`]: crate::sandbox::Vendor::holds
    pub fn holds(&self) -> Vec<(String, Value)> {
        self.live()
            .map(|record| (record.id.clone(), super::parsed(&record.body)))
            .collect()
    }

    fn live_mut(&mut self, id: &str) -> Result<&mut Record, ShelfError> {
        let place = self.places.get(id).copied();
        place
            .map(|place| &mut self.records[place])
            .filter(|record| record.is_live())
            .ok_or_else(|| ShelfError::UnknownRecord(id.to_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shelf() -> Shelf {
        let mut shelf = Shelf::new(|record| {
            record.body["updated"] = record.updated_s.into();
            record.body["version"] = record.revision.into();
        });
        for (id, created_s) in [("a", 10), ("b", 20), ("c", 30)] {
            shelf.put(id, json!({ "id": id }), created_s);
        }
        shelf
    }

    #[test]
    fn a_change_is_stamped_into_the_record_and_found_among_the_changes() {
        let mut shelf = shelf();
        shelf
            .update("a", 40, |body| body["name"] = "A".into())
            .unwrap();
        assert_eq!(
            shelf.get("a").unwrap().body,
            json!({"id": "a", "name": "A", "updated": 40, "version": 1})
        );
        let changed: Vec<&str> = shelf
            .changed_since(30)
            .iter()
            .map(|r| r.id.as_str())
            .collect();
        assert_eq!(changed, ["c", "a"]);
    }

    #[test]
    fn a_deleted_record_is_a_tombstone_and_can_neither_be_changed_nor_deleted_again() {
        let mut shelf = shelf();
        shelf.remove("b", 5).unwrap();
        assert_eq!(shelf.get("b"), None);
        assert_eq!(shelf.find("b").unwrap().gone_s, Some(20));
        assert_eq!(shelf.holds().len(), 2);
        let unknown = Err(ShelfError::UnknownRecord("b".to_owned()));
        assert_eq!(shelf.remove("b", 50), unknown);
        assert_eq!(shelf.update("b", 50, |_| {}), unknown);
    }
}
