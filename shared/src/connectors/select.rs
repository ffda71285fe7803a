//! From the text of an answer to records: slices, no tree.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use xxhash_rust::xxh3::Xxh3;

use super::cursor::Seam;
use super::file::{Feed, Order};
use super::lift::{lift, word};
use super::own::{Lifted, Refused, lift_record};
use super::page::{Record, Rejected};
use super::rules::{EntityRules, RecordRules};
use crate::domain::{PayloadOf, Presence};

/// Of a rejected record, no more than this is kept.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// More ids at one instant than any vendor's rate allows are not carried from page to page.
const MAX_SEAM_IDS: usize = 4_096;
/// How long before the end of a page its records may come again on the next.
const SEAM: TimeDelta = TimeDelta::seconds(2);

/// What was found in one answer.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub records: Vec<Record>,
    pub rejected: Vec<Rejected>,
    /// How many elements the array holds, whatever became of them.
    pub count: u64,
    /// The id of the last element that has one, by which the next page is asked for.
    pub last_id: Option<String>,
    /// Of the elements' ids, in their order.
    pub digest: String,
    /// The greatest time of a last change among them, of pages by time.
    pub latest: Option<DateTime<Utc>>,
    /// Where the next page meets this one, of pages that meet in an instant.
    pub seam: Option<Seam>,
    pub seam_is_whole: bool,
}

impl Selection {
    /// Whether a record without an id is among them.
    pub(super) fn has_unnamed(&self) -> bool {
        let mut rejected = self.rejected.iter();
        rejected.any(|rejected| rejected.external_id.is_none())
    }
}

/// An array of records in an answer.
pub(super) struct Section<'b> {
    pub elements: Vec<&'b str>,
    /// What those in it are, where the array itself says so.
    pub presence: Option<Presence>,
}

/// Beside what a page holds: what it follows.
#[derive(Default)]
pub(super) struct Context<'a> {
    /// That under which the records are listed.
    pub parent: Option<&'a str>,
    pub pages: Pages<'a>,
}

/// How the pages of a list meet.
#[derive(Clone, Copy, Default)]
pub(super) enum Pages<'a> {
    /// No record is on two.
    #[default]
    Apart,
    /// In the order of the last change: at an instant, which is where the page before ended.
    ByTime(Option<&'a Seam>),
}

/// The records of a list.
pub(super) fn from_list<'b>(
    body: &'b Bytes,
    sections: &[Section<'b>],
    rules: &EntityRules,
    context: &Context<'_>,
    as_of: DateTime<Utc>,
) -> Selection {
    let rules = &rules.record;
    let mut gathered = Gathered::new(body, rules.order, as_of);
    let mut changed = Vec::new();
    for Section { elements, presence } in sections {
        for json in elements {
            let lifted = gathered.lift(json, rules, context.parent);
            gathered.passed(lifted.as_ref().map(|lifted| lifted.id.as_str()));
            let Some(lifted) = lifted else {
                continue;
            };
            if let (Some(at), Pages::ByTime(before)) = (lifted.updated_at, context.pages) {
                changed.push((at, lifted.id.clone()));
                let known = |seam: &Seam| at <= seam.at && seam.ids.contains(&lifted.id);
                if before.is_some_and(known) {
                    continue;
                }
            }
            let presence = presence.unwrap_or(lifted.presence);
            gathered.add(json, lifted, presence);
        }
    }
    let mut selection = gathered.finish();
    if let Pages::ByTime(before) = context.pages {
        selection.latest = changed.iter().map(|(at, _)| *at).max();
        selection.seam = selection.latest.map(|latest| seam(latest, changed, before));
    }
    selection
}

/// Where the page after one of these changes meets it: what was seen within the overlap is not told again.
fn seam(
    latest: DateTime<Utc>,
    changed: Vec<(DateTime<Utc>, String)>,
    before: Option<&Seam>,
) -> Seam {
    let within = |at: DateTime<Utc>| latest - at <= SEAM;
    let mut ids: Vec<String> = changed
        .into_iter()
        .filter(|(at, _)| within(*at))
        .map(|(_, id)| id)
        .collect();
    if let Some(before) = before.filter(|before| within(before.at)) {
        ids.extend(before.ids.iter().cloned());
    }
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(MAX_SEAM_IDS);
    Seam { at: latest, ids }
}

/// The records that a page of a feed carries for an entity, each as its newest change shows it. `read_at` dates what has
/// no time of its own.
pub(super) fn from_feed<'b>(
    body: &'b Bytes,
    elements: &[&'b str],
    rules: &EntityRules,
    feed: &Feed,
    before: Option<&Seam>,
    read_at: DateTime<Utc>,
) -> Selection {
    let mut gathered = Gathered::new(body, Order::NewestFirst, read_at);
    let mut seam = before.cloned();
    let mut seam_is_whole = true;
    for json in elements {
        gathered.as_of = read_at;
        gathered.change = Some(*json);
        let pointers = [
            &feed.id,
            &feed.change_type,
            &feed.happened_at.at,
            &feed.record,
        ];
        let Ok([change_id, change_type, happened_at, record]) = lift(json, pointers.map(Some))
        else {
            gathered.passed(None);
            gathered.reject(None, "unreadable-record", "the change cannot be read", json);
            continue;
        };
        gathered.passed(change_id.and_then(word).as_deref());
        let Some(change_type) = change_type.and_then(word) else {
            gathered.reject(None, "no-change-type", "the change has no type", json);
            continue;
        };
        // A feed carries many entities; what was not asked for is none of this one's.
        let Some(presence) = rules.presence(&change_type) else {
            continue;
        };
        let Some(at) = happened_at.and_then(|time| feed.happened_at.format.read(time)) else {
            gathered.reject(None, "no-change-time", "the change has no time", json);
            continue;
        };
        gathered.as_of = at;
        let Some(record) = record else {
            gathered.reject(None, "no-record", "the change carries no record", json);
            continue;
        };
        if seam.as_ref().is_none_or(|seam| seam.at != at) {
            seam = Some(Seam {
                at,
                ids: Vec::new(),
            });
            seam_is_whole = true;
        }
        let Some(lifted) = gathered.lift(record, &rules.record, None) else {
            continue;
        };
        // Vendors date changes to the second. Of several changes of a record in one second the first met is the
        // newest, on whichever page the others are.
        if let Some(seam) = &mut seam {
            if seam.ids.contains(&lifted.id) {
                continue;
            }
            if seam.ids.len() < MAX_SEAM_IDS {
                seam.ids.push(lifted.id.clone());
            } else {
                seam_is_whole = false;
            }
        }
        gathered.add(record, lifted, presence);
    }
    let mut selection = gathered.finish();
    selection.seam = seam;
    selection.seam_is_whole = seam_is_whole;
    selection
}

struct Gathered<'b> {
    body: &'b Bytes,
    order: Order,
    /// The instant for which the vendor vouched for the element at hand.
    as_of: DateTime<Utc>,
    /// The element at hand, where it is a change that carries a record.
    change: Option<&'b str>,
    places: HashMap<String, usize>,
    digest: Xxh3,
    found: Selection,
}

impl<'b> Gathered<'b> {
    fn new(body: &'b Bytes, order: Order, as_of: DateTime<Utc>) -> Self {
        Self {
            body,
            order,
            as_of,
            change: None,
            places: HashMap::new(),
            digest: Xxh3::new(),
            found: Selection::default(),
        }
    }

    /// Notes an element of the array and its id.
    fn passed(&mut self, id: Option<&str>) {
        self.found.count += 1;
        if let Some(id) = id {
            self.digest.update(id.as_bytes());
            self.digest.update(b"\n");
            let last = self.found.last_id.get_or_insert_default();
            id.clone_into(last);
        }
    }

    /// Lifts what every record has out of one, or rejects it.
    fn lift(&mut self, json: &str, rules: &RecordRules, parent: Option<&str>) -> Option<Lifted> {
        match lift_record(json, rules, parent) {
            Ok(lifted) => Some(lifted),
            Err(refused) => {
                self.reject(refused.external_id, refused.code, refused.message, json);
                None
            }
        }
    }

    /// Takes a record, or says why Postgres could not.
    fn add(&mut self, json: &str, lifted: Lifted, presence: Presence) {
        match lifted.fingerprint {
            Ok(fingerprint) => self.keep(Record {
                external_id: lifted.id,
                body: self.body.slice_ref(json.as_bytes()),
                fingerprint,
                created_at: lifted.created_at,
                updated_at: lifted.updated_at,
                as_of: self.as_of,
                presence,
            }),
            Err(why) => {
                let Refused {
                    external_id,
                    code,
                    message,
                } = Refused::unstorable(Some(lifted.id), why);
                self.reject(external_id, code, message, json);
            }
        }
    }

    /// Keeps one version of each id: the newer one.
    fn keep(&mut self, record: Record) {
        match self.places.entry(record.external_id.clone()) {
            Entry::Vacant(place) => {
                place.insert(self.found.records.len());
                self.found.records.push(record);
            }
            Entry::Occupied(place) => {
                let kept = &mut self.found.records[*place.get()];
                let is_newer = match (record.updated_at, kept.updated_at) {
                    // A feed says when: changes may come out of order.
                    _ if record.as_of != kept.as_of => record.as_of > kept.as_of,
                    (Some(this), Some(that)) if this != that => this > that,
                    // The end of the list that comes first decides; without an order, what was read last.
                    _ => self.order == Order::Unordered,
                };
                if is_newer {
                    *kept = record;
                }
            }
        }
    }

    fn reject(
        &mut self,
        external_id: Option<String>,
        code: &'static str,
        message: impl Into<String>,
        json: &str,
    ) {
        // What a record without an id was about, only the change that carried it may tell.
        let (json, payload_of) = match self.change {
            Some(change) if external_id.is_none() => (change, PayloadOf::Change),
            _ => (json, PayloadOf::Record),
        };
        let (payload, truncated) = bounded(self.body, json);
        self.found.rejected.push(Rejected {
            external_id,
            code,
            message: message.into(),
            as_of: Some(self.as_of),
            payload,
            payload_of,
            truncated,
        });
    }

    fn finish(mut self) -> Selection {
        self.found.digest = format!("{:016x}", self.digest.digest());
        self.found
    }
}

/// What is kept of a piece of an answer, and whether that is not all of it.
pub(super) fn bounded(body: &Bytes, piece: &str) -> (Bytes, bool) {
    let end = piece.floor_char_boundary(MAX_PAYLOAD_BYTES);
    (body.slice_ref(&piece.as_bytes()[..end]), end < piece.len())
}
