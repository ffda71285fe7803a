//! The event log, `/v1/events`: one event per change, with the whole object as it was then.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::errors::StripeError;
use super::ids;
use super::order;
use super::query::ListQuery;
use super::settings::ACCOUNT_VERSION;
use super::store::Page;

/// How long Stripe keeps events.
pub(super) const KEPT_S: i64 = 30 * 86_400;

const PREFIX: &str = "evt_";
const ID_LENGTH: usize = 24;

#[derive(Debug)]
struct Event {
    created: i64,
    event_type: String,
    object: Arc<str>,
    previous: Option<String>,
}

/// Every event since the start, oldest first.
#[derive(Debug)]
pub(super) struct EventLog {
    seed: u64,
    events: Vec<Event>,
}

impl EventLog {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            events: Vec::new(),
        }
    }

    /// Writes down that something happened. Times never fall, whatever the clock does.
    pub(super) fn record(
        &mut self,
        now_unix_s: i64,
        event_type: String,
        object: Arc<str>,
        previous: Option<String>,
    ) {
        let newest = self.events.last().map_or(i64::MIN, |event| event.created);
        self.events.push(Event {
            created: now_unix_s.max(newest),
            event_type,
            object,
            previous,
        });
    }

    fn id(&self, index: usize) -> String {
        ids::id(self.seed, PREFIX, ID_LENGTH, index as u64)
    }

    /// The index of an event Stripe would still know.
    fn kept_index(&self, id: &str, now_unix_s: i64) -> Option<usize> {
        let index = usize::try_from(ids::index_of(self.seed, PREFIX, ID_LENGTH, id)?).ok()?;
        self.events
            .get(index)
            .filter(|event| event.created >= now_unix_s - KEPT_S)
            .map(|_| index)
    }

    fn text(&self, index: usize) -> String {
        let event = &self.events[index];
        let previous = event
            .previous
            .as_ref()
            .map(|text| format!(",\"previous_attributes\":{text}"))
            .unwrap_or_default();
        format!(
            concat!(
                r#"{{"id":"{}","object":"event","api_version":"{}","created":{},"data":{{"object":{}{}}},"#,
                r#""livemode":false,"pending_webhooks":0,"request":{{"id":null,"idempotency_key":null}},"type":"{}"}}"#
            ),
            self.id(index),
            ACCOUNT_VERSION,
            event.created,
            event.object,
            previous,
            event.event_type
        )
    }

    /// One event, while it is kept.
    pub(super) fn find(&self, id: &str, now_unix_s: i64) -> Option<String> {
        self.kept_index(id, now_unix_s)
            .map(|index| self.text(index))
    }

    /// One page, newest first, of what is kept.
    pub(super) fn page(&self, query: &ListQuery, now_unix_s: i64) -> Result<Page, StripeError> {
        let cursor = |id: &Option<String>, param: &str| match id {
            None => Ok(None),
            Some(id) => match self.kept_index(id, now_unix_s) {
                Some(index) => Ok(Some(index)),
                None => Err(StripeError::missing("event", id, param)),
            },
        };
        let after = cursor(&query.starting_after, "starting_after")?;
        let before = cursor(&query.ending_before, "ending_before")?;
        let oldest = query.created.low.max(now_unix_s - KEPT_S);
        let low = before.map_or(0, |index| index + 1);
        let high = after.unwrap_or(self.events.len());
        let matching = (low..high.max(low)).filter(|index| {
            let event = &self.events[*index];
            (oldest..=query.created.high).contains(&event.created) && query.wants(&event.event_type)
        });
        // One more than asked for tells whether there are more.
        let mut indexes: Vec<usize> = if before.is_some() {
            matching.take(query.limit + 1).collect()
        } else {
            matching.rev().take(query.limit + 1).collect()
        };
        let has_more = indexes.len() > query.limit;
        indexes.truncate(query.limit);
        if before.is_some() {
            indexes.reverse();
        }
        Ok(Page {
            records: indexes.into_iter().map(|index| self.text(index)).collect(),
            has_more,
        })
    }

    /// Every event's type, oldest first.
    pub(super) fn types(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(|event| event.event_type.as_str())
    }

    /// Every event's id, newest first, of what is kept.
    pub(super) fn ids(&self, now_unix_s: i64) -> Vec<String> {
        let kept = |index: &usize| self.events[*index].created >= now_unix_s - KEPT_S;
        (0..self.events.len())
            .rev()
            .filter(kept)
            .map(|index| self.id(index))
            .collect()
    }
}

/// The `previous_attributes` of an update: the old values of the fields that changed, inside nested objects too.
/// `None` when nothing changed.
pub(super) fn previous_attributes(old: &Value, new: &Value) -> Option<String> {
    let changed = changed_fields(old.as_object()?, new.as_object()?);
    (!changed.is_empty()).then(|| order::write(&Value::Object(changed)))
}

fn changed_fields(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut changed = Map::new();
    for (key, value) in old {
        match (value, new.get(key)) {
            (value, Some(now)) if value == now => {}
            (Value::Object(value), Some(Value::Object(now))) => {
                changed.insert(key.clone(), Value::Object(changed_fields(value, now)));
            }
            _ => {
                changed.insert(key.clone(), value.clone());
            }
        }
    }
    for key in new.keys().filter(|key| !old.contains_key(*key)) {
        changed.insert(key.clone(), Value::Null);
    }
    changed
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn previous_attributes_hold_the_old_values_of_what_changed_and_nothing_else() {
        let old = json!({"name": "A", "metadata": {"a": "1", "b": "2"}, "list": [1, 2], "same": {"x": 1}});
        let new = json!({"name": "B", "metadata": {"a": "1", "b": "3", "c": "4"}, "list": [1], "same": {"x": 1}});
        let previous: Value =
            serde_json::from_str(&previous_attributes(&old, &new).unwrap()).unwrap();
        assert_eq!(
            previous,
            json!({"name": "A", "metadata": {"b": "2", "c": null}, "list": [1, 2]})
        );
        assert_eq!(previous_attributes(&old, &old), None);
    }
}
