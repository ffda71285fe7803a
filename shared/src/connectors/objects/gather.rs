//! From rows and listed objects to records.

use std::collections::HashMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::OBJECTS;
use super::settings::Settings;
use super::text::{Bad, Row};
use crate::blobs::Listed;
use crate::connectors::file::{IdPart, Order, Time};
use crate::connectors::lift::Pointer;
use crate::connectors::one::{Kept, One};
use crate::connectors::own::{Refused, lift_record};
use crate::connectors::page::{Record, Rejected};
use crate::connectors::rules::RecordRules;
use crate::connectors::times::TimeFormat;
use crate::domain::{PayloadOf, Presence};

/// Longer ids would not fit Postgres' indexes; keys may be twice as long.
const MAX_ID_BYTES: usize = 512;
/// Of a row that cannot be stored no more is kept.
const MAX_PAYLOAD_BYTES: usize = 64 << 10;

/// What is known of the records of an entity.
#[derive(Debug, Clone)]
pub(super) struct Known {
    rules: RecordRules,
}

impl Known {
    /// Of what is inside objects.
    pub(super) fn rows(settings: &Settings) -> Self {
        let id = match &settings.id[..] {
            [] => vec![IdPart::Parent],
            fields => fields.iter().cloned().map(IdPart::At).collect(),
        };
        Self {
            rules: RecordRules {
                id,
                created_at: settings.created_at.clone(),
                updated_at: settings.updated_at.clone(),
                gone: None,
                order: Order::Unordered,
            },
        }
    }

    /// Of the listing.
    pub(super) fn objects() -> Self {
        let time = |at: &str| {
            Pointer::try_from(at.to_owned()).ok().map(|at| Time {
                at,
                format: TimeFormat::Rfc3339,
            })
        };
        Self {
            rules: RecordRules {
                id: vec![IdPart::Parent],
                created_at: time("/createdAt"),
                updated_at: time("/lastModified"),
                gone: None,
                order: Order::Unordered,
            },
        }
    }

    /// Of what was kept of a record that could not be stored.
    pub(super) fn again(entity: &str, settings: &Settings) -> Self {
        if entity == OBJECTS {
            let at = Pointer::try_from("/key".to_owned()).unwrap_or_default();
            let mut known = Self::objects();
            known.rules.id = vec![IdPart::At(at)];
            return known;
        }
        Self::rows(settings)
    }
}

/// The records of a page.
#[derive(Debug)]
pub(super) struct Gathered {
    known: Known,
    as_of: DateTime<Utc>,
    places: HashMap<String, usize>,
    pub(super) records: Vec<Record>,
    pub(super) rejected: Vec<Rejected>,
}

impl Gathered {
    pub(super) fn new(known: Known, as_of: DateTime<Utc>) -> Self {
        Self {
            known,
            as_of,
            places: HashMap::new(),
            records: Vec::new(),
            rejected: Vec::new(),
        }
    }

    /// What is added from now on was so at this instant.
    pub(super) fn date(&mut self, as_of: DateTime<Utc>) {
        self.as_of = as_of;
    }

    pub(super) fn object(&mut self, listed: &Listed) {
        let id = fitting(&listed.key, "");
        self.json(described(listed).into(), &id, None);
    }

    /// A row of this object, which was last modified then.
    pub(super) fn row(&mut self, key: &str, modified: Option<DateTime<Utc>>, row: Row) {
        let place = fitting(key, &format!("#{}", row.number));
        match row.json {
            Ok(json) => self.json(json, &place, modified),
            Err(bad) => {
                // Where ids are fields, one that stands in a row out of order may be another's.
                let by_place = matches!(self.known.rules.id[..], [IdPart::Parent]);
                let refused = Refused {
                    external_id: by_place.then_some(place),
                    code: bad.code,
                    message: format!("{} (row {} of {key})", bad.message, row.number),
                };
                self.reject(refused, &row.raw);
            }
        }
    }

    /// An object that cannot be read as a whole: an error under its name.
    pub(super) fn unreadable(&mut self, key: &str, code: &'static str, message: &str) {
        let refused = Refused {
            external_id: Some(fitting(key, "")),
            code,
            message: format!("the object {key} {message}"),
        };
        self.reject(refused, &Bytes::new());
        // Its bytes are not kept: nothing can be read again from nothing.
        if let Some(rejected) = self.rejected.last_mut() {
            rejected.truncated = true;
        }
    }

    fn json(&mut self, json: Bytes, place: &str, modified: Option<DateTime<Utc>>) {
        let Ok(text) = std::str::from_utf8(&json) else {
            let bad = Bad::not_utf8();
            let refused = Refused {
                external_id: None,
                code: bad.code,
                message: format!("{} ({place})", bad.message),
            };
            self.reject(refused, &json);
            return;
        };
        let lifted = match lift_record(text, &self.known.rules, Some(place)) {
            Ok(lifted) => lifted,
            Err(mut refused) => {
                refused.message = format!("{} ({place})", refused.message);
                self.reject(refused, &json);
                return;
            }
        };
        match lifted.fingerprint {
            Ok(fingerprint) => self.keep(Record {
                external_id: lifted.id,
                fingerprint,
                created_at: lifted.created_at,
                updated_at: lifted.updated_at.or(modified),
                as_of: self.as_of,
                presence: Presence::Here,
                body: json,
            }),
            Err(why) => self.reject(Refused::unstorable(Some(lifted.id), why), &json),
        }
    }

    /// Of rows with the same id the one that comes last counts.
    fn keep(&mut self, record: Record) {
        match self.places.get(&record.external_id) {
            Some(place) => self.records[*place] = record,
            None => {
                self.places
                    .insert(record.external_id.clone(), self.records.len());
                self.records.push(record);
            }
        }
    }

    fn reject(&mut self, refused: Refused, raw: &Bytes) {
        let raw = raw
            .strip_suffix(b"\n")
            .map_or(raw.clone(), |line| raw.slice_ref(line));
        // What is no text is kept up to where it ceases to be one.
        let text = match std::str::from_utf8(&raw) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&raw[..error.valid_up_to()]).unwrap_or_default(),
        };
        let end = text.floor_char_boundary(MAX_PAYLOAD_BYTES);
        self.rejected.push(Rejected {
            external_id: refused.external_id,
            code: refused.code,
            // Names of objects may hold what no database takes.
            message: refused.message.replace(char::is_control, "\u{fffd}"),
            as_of: Some(self.as_of),
            payload: raw.slice(..end),
            payload_of: PayloadOf::Record,
            truncated: end < raw.len(),
        });
    }
}

/// Reads again what was kept of one record.
pub(super) fn again(known: Known, kept: &Kept) -> One {
    let mut gathered = Gathered::new(known, kept.as_of);
    let by_place = matches!(gathered.known.rules.id[..], [IdPart::Parent]);
    if by_place || std::str::from_utf8(&kept.payload).is_err() {
        // Its id was its place, which its bytes do not tell.
        let refused = Refused {
            external_id: None,
            code: "unreadable-record",
            message:
                "what was kept of the row cannot be read by itself; a FULL sync reads it again"
                    .to_owned(),
        };
        gathered.reject(refused, &kept.payload);
    } else {
        gathered.json(kept.payload.clone(), "", None);
    }
    match (gathered.records.pop(), gathered.rejected.pop()) {
        (Some(record), _) => One::Found(Box::new(record)),
        (None, Some(rejected)) => One::Rejected(Box::new(rejected)),
        (None, None) => One::Nothing,
    }
}

/// What a listing says of an object, as JSON.
fn described(listed: &Listed) -> String {
    let Listed {
        key,
        etag,
        size,
        last_modified,
        also,
    } = listed;
    let mut object = Map::new();
    object.insert("key".into(), key.as_str().into());
    object.insert("etag".into(), etag.trim_matches('"').into());
    object.insert("size".into(), (*size).into());
    object.insert("lastModified".into(), time(*last_modified).into());
    for (name, value) in also {
        let at = DateTime::parse_from_rfc2822(value);
        let value = match at.ok().filter(|_| *name == "createdAt") {
            Some(at) => time(at.to_utc()),
            None => value.clone(),
        };
        object.insert((*name).into(), value.into());
    }
    Value::Object(object).to_string()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// A key with what follows it, as an id: of one that is too long, or cannot be stored, the end gives way to a digest of all
/// of it.
fn fitting(key: &str, suffix: &str) -> String {
    if is_usable(key) && key.len() + suffix.len() <= MAX_ID_BYTES {
        return format!("{key}{suffix}");
    }
    let digest = format!("{:x}", Sha256::digest(key.as_bytes()));
    let room = MAX_ID_BYTES - suffix.len() - digest.len() - 1;
    let key = key.replace('\0', "\u{fffd}");
    format!("{}~{digest}{suffix}", &key[..key.floor_char_boundary(room)])
}

/// Whether a key can be stored, in a cursor too: Postgres takes every character but this.
pub(super) fn is_usable(key: &str) -> bool {
    !key.contains('\0')
}
