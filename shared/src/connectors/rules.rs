//! How one entity is read: what the file says of it, over what it says of all lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::Table;

use super::connector::{InvalidFile, content};
use super::file::{
    Changes, Entity, Feed, FieldsCall, IdPart, Item, Listing, Lists, Mark, Order, PageSize, Paging,
    Since, Time, Under, Verb, WindowFilter,
};
use super::lift::Pointer;
use crate::domain::Presence;

/// How one entity is read.
#[derive(Debug, Clone)]
pub(super) struct EntityRules {
    pub name: String,
    pub record: RecordRules,
    /// All of it.
    pub list: ListRules,
    /// What changed, where that is another request.
    pub changed: Option<ListRules>,
    /// What was removed.
    pub removed: Option<ListRules>,
    /// How far back the list of what was removed tells.
    pub removed_since_days: Option<u32>,
    pub item: Option<ItemRules>,
    pub window: Option<WindowFilter>,
    pub under: Option<Under>,
    pub fields: Option<FieldsCall>,
    pub lookback_minutes: u32,
    pub changes: Changes,
    pub feed: Option<Arc<Feed>>,
    /// The pages of the feed.
    pub feed_list: Option<ListRules>,
}

/// What is read out of a record.
#[derive(Debug, Clone)]
pub(super) struct RecordRules {
    pub id: Vec<IdPart>,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    pub gone: Option<Mark>,
    pub order: Order,
}

/// How one list is asked for and taken apart.
#[derive(Debug, Clone)]
pub(super) struct ListRules {
    pub verb: Verb,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Option<Value>,
    pub conditions: Vec<String>,
    /// Where its arrays of records are, and what those in it are.
    pub records: Vec<(Pointer, Option<Presence>)>,
    pub empty_if: Option<Pointer>,
    pub paging: Paging,
    pub page_size: Option<PageSize>,
    pub since: Option<Since>,
    pub cap: Option<u64>,
}

/// How one record is read by its id.
#[derive(Debug, Clone)]
pub(super) struct ItemRules {
    pub path: String,
    pub query: Vec<(String, String)>,
    pub record: Pointer,
    pub deleted: Option<Pointer>,
    pub missing_codes: Option<Vec<String>>,
}

impl EntityRules {
    /// How far before its own beginning a walk's checkpoint is set.
    pub(super) fn lookback(&self) -> TimeDelta {
        TimeDelta::minutes(i64::from(self.lookback_minutes))
    }

    /// What a change of this type says about a record; `None` when it is not about this entity.
    pub(super) fn presence(&self, change_type: &str) -> Option<Presence> {
        let Changes::Feed { changed, gone } = &self.changes else {
            return None;
        };
        if changed.iter().any(|name| name == change_type) {
            Some(Presence::Here)
        } else if gone.iter().any(|name| name == change_type) {
            Some(Presence::Gone)
        } else {
            None
        }
    }

    /// From when on the feed, or the list of what was removed, tells every change, by what has been read before; `None`
    /// where it does not.
    pub(super) fn told_since(
        &self,
        known: Option<DateTime<Utc>>,
        through: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        // A checkpoint from a clock that ran ahead would skip what happened since.
        let since = known?.min(through);
        let reach = match &self.feed {
            Some(feed) => Some(feed.reaches_back_days),
            None => self.removed_since_days,
        };
        let reach = reach.map(|days| TimeDelta::days(i64::from(days)));
        reach
            .is_none_or(|reach| now - since < reach)
            .then_some(since)
    }
}

/// The file once more, as tables: what an entity's `values` are put into.
pub(super) struct Tables(Table);

impl Tables {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidFile> {
        Ok(Self(text.parse()?))
    }

    /// A section with the values put in place of their names in braces.
    fn section<T: DeserializeOwned>(
        &self,
        name: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<Option<T>, InvalidFile> {
        let Some(section) = self.0.get(name) else {
            return Ok(None);
        };
        let mut section = section.clone();
        fill(&mut section, values);
        Ok(Some(section.try_into()?))
    }

    fn entity(&self, name: &str, values: &BTreeMap<String, String>) -> Result<Entity, InvalidFile> {
        let all = self.0.get("entities").and_then(toml::Value::as_array);
        let named =
            |entity: &&toml::Value| entity.get("name").and_then(|n| n.as_str()) == Some(name);
        let mut entity = all
            .and_then(|all| all.iter().find(named))
            .cloned()
            .ok_or_else(|| content(format!("there is no entity {name}")))?;
        fill(&mut entity, values);
        Ok(entity.try_into()?)
    }
}

fn fill(value: &mut toml::Value, values: &BTreeMap<String, String>) {
    match value {
        toml::Value::String(text) => {
            for (name, value) in values {
                if text.contains('{') {
                    *text = text.replace(&format!("{{{name}}}"), value);
                }
            }
        }
        toml::Value::Array(items) => items.iter_mut().for_each(|item| fill(item, values)),
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, item)| fill(item, values)),
        _ => {}
    }
}

/// The rules of one entity.
pub(super) fn rules(
    entity: &Entity,
    tables: &Tables,
    feed: Option<&Arc<Feed>>,
) -> Result<EntityRules, InvalidFile> {
    let lacks = |what: &str| content(format!("entity {} lacks {what}", entity.name));
    let path = entity.path.clone().ok_or_else(|| lacks("path"))?;
    let mut values = entity.values.clone();
    values.insert("path".to_owned(), path.clone());
    values.insert("name".to_owned(), entity.name.clone());
    let lists: Lists = tables
        .section("lists", &values)?
        .ok_or_else(|| lacks("[lists]"))?;
    let changed: Option<Listing> = tables.section("changed", &values)?;
    let removed: Option<Listing> = tables.section("removed", &values)?;
    let entity = tables.entity(&entity.name, &values)?;

    let changes = entity.changes.clone().ok_or_else(|| lacks("changes"))?;
    let window = entity.window.clone().or(lists.window.clone());
    let updated_at = entity.updated_at.clone().or(lists.updated_at.clone());
    let feed = match &changes {
        Changes::Feed { .. } => Some(Arc::clone(feed.ok_or_else(|| lacks("a [feed]"))?)),
        Changes::Created { because, .. } | Changes::WholeList { because } if because.is_empty() => {
            return Err(lacks("the reason why its changes are found so"));
        }
        Changes::Created { .. } if window.is_none() => return Err(lacks("lists.window")),
        _ => None,
    };
    let is_of = |listing: &Listing| {
        listing
            .of
            .as_ref()
            .is_none_or(|of| of.contains(&entity.name))
    };
    let changed = changed.filter(is_of);
    let removed = removed.filter(is_of);
    let removed_since_days = removed
        .as_ref()
        .and_then(|removed| removed.reaches_back_days);
    let list = of_lists(&lists, &entity, &path, &changes, &lacks)?;
    let filter = changed
        .as_ref()
        .map_or(&list.since, |changed| &changed.since);
    if matches!(changes, Changes::Updated {}) && filter.is_none() {
        return Err(lacks("since, by which what changed is listed"));
    }
    let changed = changed.map(of_listing).transpose()?;
    let removed = removed.map(of_listing).transpose()?;
    let feed_list = feed.as_ref().map(|feed| ListRules {
        verb: Verb::Get,
        path: feed.path.clone(),
        query: Vec::new(),
        body: None,
        conditions: Vec::new(),
        records: vec![(feed.changes.clone(), None)],
        empty_if: None,
        paging: feed.paging.clone(),
        page_size: list.page_size.clone(),
        since: None,
        cap: None,
    });
    for listing in [Some(&list), changed.as_ref(), removed.as_ref()]
        .into_iter()
        .flatten()
    {
        check(listing, updated_at.as_ref()).map_err(lacks)?;
    }
    let item = entity.item.clone().or(lists.item.clone());
    if item
        .as_ref()
        .is_some_and(|item| !item.path.starts_with('/') || !item.path.contains("{id}"))
    {
        return Err(lacks("{id} in the path of an item"));
    }
    let id = entity.id.as_ref().or(lists.id.as_ref());
    let id = id.ok_or_else(|| lacks("id"))?.parts().to_vec();
    if id.is_empty() || id.len() > MAX_ID_PARTS {
        return Err(lacks("an id of one to four parts"));
    }
    Ok(EntityRules {
        record: RecordRules {
            id,
            created_at: entity.created_at.clone().or(lists.created_at),
            updated_at,
            gone: lists.gone,
            order: lists.order,
        },
        list,
        changed,
        removed,
        removed_since_days,
        item: item.map(item_rules).transpose()?,
        window,
        under: entity.under.clone(),
        fields: lists.fields,
        lookback_minutes: lists.lookback_minutes,
        changes,
        feed,
        feed_list,
        name: entity.name,
    })
}

/// Of how many values an id is made at most.
pub(super) const MAX_ID_PARTS: usize = 4;

fn of_lists(
    lists: &Lists,
    entity: &Entity,
    path: &str,
    changes: &Changes,
    lacks: &impl Fn(&str) -> InvalidFile,
) -> Result<ListRules, InvalidFile> {
    let records = entity.records.as_ref().or(lists.records.as_ref());
    let records = pointer(records.ok_or_else(|| lacks("records"))?)?;
    let mut places = vec![(records, None)];
    if let Changes::Cursor { gone, also } = changes {
        places.extend(also.iter().map(|at| (at.clone(), None)));
        places.extend(gone.iter().map(|at| (at.clone(), Some(Presence::Gone))));
    }
    let mut query = lists.query.clone();
    query.extend(entity.query.clone());
    Ok(ListRules {
        verb: lists.method,
        path: path.to_owned(),
        query: query.into_iter().collect(),
        body: entity.body.clone().or(lists.body.clone()),
        conditions: entity.condition.clone().into_iter().collect(),
        records: places,
        empty_if: lists.empty_if.clone(),
        paging: entity.paging.clone().unwrap_or(lists.paging.clone()),
        page_size: entity.page_size.clone().or(lists.page_size.clone()),
        since: lists.since.clone(),
        cap: None,
    })
}

fn of_listing(listing: Listing) -> Result<ListRules, InvalidFile> {
    Ok(ListRules {
        verb: listing.method,
        path: listing.path,
        query: listing.query.into_iter().collect(),
        body: listing.body,
        conditions: Vec::new(),
        records: vec![(pointer(&listing.records)?, None)],
        empty_if: listing.empty_if,
        paging: listing.paging,
        page_size: listing.page_size,
        since: listing.since,
        cap: listing.cap,
    })
}

fn item_rules(item: Item) -> Result<ItemRules, InvalidFile> {
    Ok(ItemRules {
        record: pointer(&item.record)?,
        path: item.path,
        query: item.query.into_iter().collect(),
        deleted: item.deleted,
        missing_codes: item.missing_codes,
    })
}

/// What a list lacks to be read to its end.
fn check(list: &ListRules, updated_at: Option<&Time>) -> Result<(), &'static str> {
    let needs_size = matches!(
        &list.paging,
        Paging::Page {
            total_pages: None,
            ..
        } | Paging::Offset { total: None, .. }
            | Paging::AfterLastId { more: None, .. }
            | Paging::ByTime {
                total_pages: None,
                ..
            }
    );
    if needs_size && list.page_size.is_none() {
        return Err("page_size, without which its last page cannot be told");
    }
    if matches!(list.paging, Paging::ByTime { .. })
        && (list.since.is_none() || updated_at.is_none())
    {
        return Err("since and updated_at, by which its pages follow each other");
    }
    Ok(())
}

fn pointer(text: &str) -> Result<Pointer, InvalidFile> {
    Pointer::try_from(text.to_owned()).map_err(content)
}
