//! How one entity is read: what the file says of it, over what it says of all lists.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::file::{
    Bulk, Changes, Entity, Feed, FieldsCall, IdPart, Item, Listing, Lists, Mark, Order, PageSize,
    Paging, Since, Time, Under, Verb, WindowFilter,
};
use super::lift::Pointer;
use super::tables::{Tables, filled as fill};
use crate::domain::Presence;

/// How one entity is read.
#[derive(Debug, Clone)]
pub(super) struct EntityRules {
    pub name: String,
    /// Whether the name is a caller's, and not the file's.
    pub named_by_caller: bool,
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
    /// The list holds only what changed in so many days.
    pub lists_days: Option<u32>,
    pub window: Option<WindowFilter>,
    pub under: Option<Under>,
    pub fields: Option<FieldsCall>,
    pub lookback_minutes: u32,
    pub changes: Changes,
    /// How the list is read where it is long.
    pub bulk: Option<Bulk>,
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

    /// Whether a walk of this list of it sees every record that is there from its beginning to its end.
    pub(super) fn tells_all(&self, list: &ListRules) -> bool {
        list.paging.misses_nothing() && self.lists_days.is_none()
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
            None => self.removed_since_days.or(self.lists_days),
        };
        let reach = reach.map(|days| TimeDelta::days(i64::from(days)));
        reach
            .is_none_or(|reach| now - since < reach)
            .then_some(since)
    }
}

/// The rules of one entity, by its place in the file.
///
/// # Errors
/// Everything it lacks.
pub(super) fn rules(
    place: usize,
    entity: &Entity,
    tables: &Tables,
    feed: Option<&Arc<Feed>>,
) -> Result<EntityRules, Vec<String>> {
    let mut lacking = Vec::new();
    let rules = filled(place, entity, tables, feed, &mut lacking);
    let named = |what: String| format!("entity {} {what}", entity.name);
    match rules {
        Ok(Some(rules)) if lacking.is_empty() => Ok(rules),
        Ok(_) => Err(lacking
            .into_iter()
            .map(|what| named(format!("lacks {what}")))
            .collect()),
        Err(fault) => Err(vec![named(fault)]),
    }
}

/// The same; `None` where so much is lacking that nothing can be made.
fn filled(
    place: usize,
    entity: &Entity,
    tables: &Tables,
    feed: Option<&Arc<Feed>>,
    lacking: &mut Vec<&'static str>,
) -> Result<Option<EntityRules>, String> {
    let mut values = entity.values.clone();
    values.insert("name".to_owned(), entity.name.clone());
    let path = entity.path.as_ref().map(|path| fill(path, &values));
    if let Some(path) = &path {
        values.insert("path".to_owned(), path.clone());
    }
    // A file without lists has been told so already.
    let Some(lists) = tables.section::<Lists>("lists", &values)? else {
        return Ok(None);
    };
    let changed: Option<Listing> = tables.section("changed", &values)?;
    let removed: Option<Listing> = tables.section("removed", &values)?;
    let bulk: Option<Bulk> = tables.section("bulk", &values)?;
    let entity = tables.entity(place, &values)?;

    let window = entity.window.clone().or(lists.window.clone());
    let updated_at = entity.updated_at.clone().or(lists.updated_at.clone());
    let id = entity.id.as_ref().or(lists.id.as_ref());
    let records = entity.records.as_ref().or(lists.records.as_ref());
    for (what, is_lacking) in [
        ("path", path.is_none()),
        ("changes", entity.changes.is_none()),
        ("id", id.is_none()),
        ("records", records.is_none()),
    ] {
        lacking.extend(is_lacking.then_some(what));
    }
    let (Some(path), Some(changes), Some(id), Some(records)) =
        (path, entity.changes.clone(), id, records)
    else {
        return Ok(None);
    };
    let feed = feed.filter(|_| matches!(changes, Changes::Feed { .. }));
    match &changes {
        Changes::Feed { .. } if feed.is_none() => lacking.push("a [feed]"),
        Changes::Created { because, .. } | Changes::WholeList { because } if because.is_empty() => {
            lacking.push("the reason why its changes are found so");
        }
        Changes::Created { .. } if window.is_none() => lacking.push("lists.window"),
        _ => {}
    }
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
    let list = of_lists(&lists, &entity, &path, records, &changes)?;
    let filter = changed
        .as_ref()
        .map_or(&list.since, |changed| &changed.since);
    if matches!(changes, Changes::Updated {}) && filter.is_none() {
        lacking.push("since, by which what changed is listed");
    }
    let changed = changed.map(of_listing).transpose()?;
    let removed = removed.map(of_listing).transpose()?;
    let feed_list = feed.map(|feed| of_feed(feed, list.page_size.clone()));
    for listing in [Some(&list), changed.as_ref(), removed.as_ref()]
        .into_iter()
        .flatten()
    {
        lacking.extend(lack(listing, updated_at.as_ref()));
    }
    // A record under another is not found by its id alone.
    let shared_item = lists.item.clone().filter(|_| entity.under.is_none());
    let item = entity.item.clone().or(shared_item);
    if item
        .as_ref()
        .is_some_and(|item| !item.path.starts_with('/') || !item.path.contains("{id}"))
    {
        lacking.push("{id} in the path of an item");
    }
    let typed = lists.fields.as_ref().filter(|call| call.kind.is_some());
    if bulk.is_some() && (item.is_none() || typed.is_none()) {
        lacking
            .push("item and the kind of fields, without which the rows of [bulk] cannot be read");
    }
    let id = id.parts().to_vec();
    if id.is_empty() || id.len() > MAX_ID_PARTS {
        lacking.push("an id of one to four parts");
    }
    Ok(Some(EntityRules {
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
        lists_days: entity.lists_days,
        item: item.map(item_rules).transpose()?,
        window,
        under: entity.under.clone(),
        fields: lists.fields,
        lookback_minutes: lists.lookback_minutes,
        changes,
        bulk,
        feed: feed.cloned(),
        feed_list,
        named_by_caller: false,
        name: entity.name,
    }))
}

/// Of how many values an id is made at most.
pub(super) const MAX_ID_PARTS: usize = 4;

fn of_lists(
    lists: &Lists,
    entity: &Entity,
    path: &str,
    records: &str,
    changes: &Changes,
) -> Result<ListRules, String> {
    let mut places = vec![(pointer(records)?, None)];
    if let Changes::Cursor { gone, also } = changes {
        places.extend(also.iter().map(|at| (at.clone(), None)));
        places.extend(gone.iter().map(|at| (at.clone(), Some(Presence::Gone))));
    }
    let mut query = lists.query.clone();
    query.extend(entity.query.clone());
    // A list that has no pages is not asked for pages of a size because others are.
    let has_pages = !matches!(entity.paging, Some(Paging::None {}));
    let shared_size = lists.page_size.clone().filter(|_| has_pages);
    Ok(ListRules {
        verb: lists.method,
        path: path.to_owned(),
        query: query.into_iter().collect(),
        body: entity.body.clone().or(lists.body.clone()),
        conditions: entity.condition.clone().into_iter().collect(),
        records: places,
        empty_if: lists.empty_if.clone(),
        paging: entity.paging.clone().unwrap_or(lists.paging.clone()),
        page_size: entity.page_size.clone().or(shared_size),
        since: lists.since.clone(),
        cap: None,
    })
}

/// The pages of a feed.
fn of_feed(feed: &Feed, page_size: Option<PageSize>) -> ListRules {
    ListRules {
        verb: Verb::Get,
        path: feed.path.clone(),
        query: Vec::new(),
        body: None,
        conditions: Vec::new(),
        records: vec![(feed.changes.clone(), None)],
        empty_if: None,
        paging: feed.paging.clone(),
        page_size,
        since: None,
        cap: None,
    }
}

fn of_listing(listing: Listing) -> Result<ListRules, String> {
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

fn item_rules(item: Item) -> Result<ItemRules, String> {
    Ok(ItemRules {
        record: pointer(&item.record)?,
        path: item.path,
        query: item.query.into_iter().collect(),
        deleted: item.deleted,
        missing_codes: item.missing_codes,
    })
}

/// What a list lacks to be read to its end.
fn lack(list: &ListRules, updated_at: Option<&Time>) -> Option<&'static str> {
    let needs_size = matches!(
        &list.paging,
        Paging::Page {
            total_pages: None,
            ..
        } | Paging::Offset { total: None, .. }
            | Paging::AfterLastId {
                more: None,
                next: None,
                ..
            }
            | Paging::ByTime {
                total_pages: None,
                ..
            }
    );
    if needs_size && list.page_size.is_none() {
        return Some("page_size, without which its last page cannot be told");
    }
    if matches!(list.paging, Paging::ByTime { .. })
        && (list.since.is_none() || updated_at.is_none())
    {
        return Some("since and updated_at, by which its pages follow each other");
    }
    None
}

fn pointer(text: &str) -> Result<Pointer, String> {
    let read = Pointer::try_from(text.to_owned());
    read.map_err(|fault| format!("points to {text:?}: {fault}"))
}
