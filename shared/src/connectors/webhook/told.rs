//! What a notice tells: its events, and which records of which entities they are about.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::rules::WebhookRules;
use super::{NotTaken, Notice};
use crate::connectors::Session;
use crate::connectors::connector::Definition;
use crate::connectors::file::{Account, EventId, Form, IdPlace};
use crate::connectors::lift::Pointer;
use crate::secrets::sha256;

/// Events that may look the same are not told apart by their time until that is so long over.
const SETTLES_AFTER: TimeDelta = TimeDelta::minutes(1);
/// No id of a vendor's is longer. What is, is not asked for by its id.
const LONGEST_ID: usize = 255;

/// One event that tells of something we hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The same for the same event of a connection, however often it is delivered.
    pub digest: [u8; 32],
    /// Whether no other event looks the same. If not, one that does may be another change of the same moment.
    pub settled: bool,
    /// The entities it tells of, each with the id of a record that can be asked for by it, or `None` for all of the entity.
    pub changes: BTreeSet<(String, Option<String>)>,
}

pub(super) fn told(
    rules: &WebhookRules,
    definition: &Definition,
    session: &Session,
    notice: &Notice<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Told>, NotTaken> {
    let body: Value =
        serde_json::from_slice(notice.body).map_err(|_| NotTaken::Unreadable("it is not JSON"))?;
    let forms = rules.file.forms.iter();
    let mut fitting = forms.filter_map(|form| Some((form, events(&body, &form.each)?)));
    let Some((form, events)) = fitting.next() else {
        return Err(NotTaken::Unreadable("it has none of the known forms"));
    };
    let reader = Reader {
        rules,
        definition,
        session,
        notice,
        form,
        now,
    };
    let told = events.iter().map(|event| reader.read(event));
    Ok(told
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect())
}

/// An event with what is around it, from the outside in.
type Nested<'b> = Vec<&'b Value>;

/// The events of a body; `None` where it has another form.
fn events<'b>(body: &'b Value, each: &[Pointer]) -> Option<Vec<Nested<'b>>> {
    each.iter()
        .try_fold(vec![vec![body]], |outer, array| {
            let at = array.to_string();
            let mut inner = Vec::new();
            for nested in outer {
                for element in nested.last()?.pointer(&at)?.as_array()? {
                    let mut within = nested.clone();
                    within.push(element);
                    inner.push(within);
                }
            }
            Some(inner)
        })
        // One event is an object, and so is each of several.
        .filter(|events| {
            events
                .iter()
                .all(|event| event.last().is_some_and(|value| value.is_object()))
        })
}

struct Reader<'r> {
    rules: &'r WebhookRules,
    definition: &'r Definition,
    session: &'r Session,
    notice: &'r Notice<'r>,
    form: &'r Form,
    now: DateTime<Utc>,
}

impl Reader<'_> {
    /// What an event tells; `None` where that is nothing of ours.
    fn read(&self, event: &Nested<'_>) -> Result<Option<Told>, NotTaken> {
        let lacks_type = NotTaken::Unreadable("an event has no type");
        let parts = self.form.event_type.all().iter();
        let parts: Option<Vec<String>> = parts.map(|at| text(find(event, at)?)).collect();
        let event_type = parts.ok_or(lacks_type)?.join(":");
        let entities = self.entities(&event_type);
        if entities.is_empty() || self.is_of_another(event) {
            tracing::debug!(event_type, "a webhook tells nothing of ours");
            return Ok(None);
        }
        let happened_at = self.form.happened_at.as_ref().and_then(|time| {
            let found = find(event, &time.at)?;
            time.format.read(&found.to_string())
        });
        let same = match &self.form.id {
            Some(EventId::One(IdPlace::At(at))) => {
                let id = find(event, at).and_then(text);
                id.ok_or(NotTaken::Unreadable("an event has no id"))?
            }
            Some(EventId::One(IdPlace::Header(name))) => {
                self.notice.header(name).unwrap_or_default().to_owned()
            }
            Some(EventId::Together(places)) => {
                let parts = places.iter().map(|at| find(event, at)).collect::<Vec<_>>();
                serde_json::to_string(&parts).unwrap_or_default()
            }
            None => event.last().map(ToString::to_string).unwrap_or_default(),
        };
        let ids: BTreeSet<String> = self
            .form
            .record
            .iter()
            .filter_map(|at| find(event, at))
            .flat_map(texts)
            .collect();
        let mut changes = BTreeSet::new();
        for entity in entities {
            if ids.is_empty() || !self.reads_singly(&entity) || !ids.iter().all(|id| is_usable(id))
            {
                changes.insert((entity, None));
            } else {
                let of_entity = |id: &String| (entity.clone(), Some(id.clone()));
                changes.extend(ids.iter().map(of_entity));
            }
        }
        Ok(Some(Told {
            digest: sha256(same.as_bytes()),
            settled: self.form.id.is_some()
                || happened_at.is_some_and(|at| self.now - at >= SETTLES_AFTER),
            changes,
        }))
    }

    /// The entities that events of this type tell of.
    fn entities(&self, event_type: &str) -> Vec<String> {
        let fed = self
            .definition
            .reading
            .iter()
            .flat_map(|reading| &reading.entities);
        let fed = fed
            .filter(|entity| entity.presence(event_type).is_some())
            .map(|entity| entity.name.as_str());
        let all: BTreeSet<&str> = fed.chain(self.rules.named(event_type)).collect();
        all.into_iter().map(str::to_owned).collect()
    }

    /// Whether an event is about another account than the connection's, as far as that is known.
    fn is_of_another(&self, event: &Nested<'_>) -> bool {
        let Some(Account { at, is }) = &self.form.account else {
            return false;
        };
        let (own, told) = (self.session.text(is), find(event, at).and_then(text));
        matches!((own, told), (Some(own), Some(told)) if own != told)
    }

    fn reads_singly(&self, entity: &str) -> bool {
        let reading = self.definition.reading.as_ref();
        let rules = reading.and_then(|reading| reading.entity(entity));
        rules.is_some_and(|rules| rules.item.is_some() && rules.record.id.len() == 1)
    }
}

/// What stands at a place of the event, or of what is around it.
fn find<'b>(event: &Nested<'b>, at: &Pointer) -> Option<&'b Value> {
    let at = at.to_string();
    let mut outwards = event.iter().rev();
    outwards.find_map(|value| value.pointer(&at).filter(|found| !found.is_null()))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

/// Whether Postgres can hold an id, and a path name it.
fn is_usable(id: &str) -> bool {
    !matches!(id, "" | "." | "..") && id.len() <= LONGEST_ID && !id.contains('\0')
}
