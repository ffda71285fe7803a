#![allow(clippy::unwrap_used, clippy::expect_used)]

//! A bucket that is a map in memory behind a server on loopback.

mod formats;
mod parquet;
mod splits;
mod walks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::rows::Room;
use super::{ObjectStore, ROWS, StoreKind, StoreRules, WalkPlace};
use crate::connectors::cursor::Position;
use crate::connectors::session::Session;
use crate::connectors::{Ask, Checkpoint, Cursor, Page};
use crate::domain::SyncMode;
use crate::http::canned::{Asked, Canned, Reply};

/// What an object holds that may be listed and not read.
const FORBIDDEN: &[u8] = b"forbidden";
/// What one holds by whose reading the key is no good any more.
const KEY_TAKEN_BACK: &[u8] = b"key taken back";

const NOW: &str = "2026-06-01T12:00:00Z";

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

#[derive(Clone)]
struct Object {
    content: Vec<u8>,
    version: u32,
    modified: DateTime<Utc>,
}

type Objects = Arc<Mutex<BTreeMap<String, Object>>>;

/// A bucket, and the connection that reads it.
struct Shelf {
    server: Canned,
    objects: Objects,
    config: Map<String, Value>,
}

impl Shelf {
    /// With small pages of the listing, so that there are some.
    async fn new(config: Value) -> Self {
        Self::listing_at_once(3, config).await
    }

    async fn listing_at_once(at_once: usize, config: Value) -> Self {
        let objects = Objects::default();
        let theirs = Arc::clone(&objects);
        let server =
            Canned::start(move |asked| answer(asked, &theirs.lock().unwrap(), at_once)).await;
        let Value::Object(config) = config else {
            unreachable!("a config is an object")
        };
        Self {
            server,
            objects,
            config,
        }
    }

    fn put(&self, key: &str, content: impl Into<Vec<u8>>) -> &Self {
        self.put_at(key, content, now())
    }

    fn put_at(&self, key: &str, content: impl Into<Vec<u8>>, modified: DateTime<Utc>) -> &Self {
        let mut objects = self.objects.lock().unwrap();
        let version = objects.get(key).map_or(1, |object| object.version + 1);
        let object = Object {
            content: content.into(),
            version,
            modified,
        };
        objects.insert(key.to_owned(), object);
        self
    }

    fn delete(&self, key: &str) {
        self.objects.lock().unwrap().remove(key);
    }

    fn open(&self) -> ObjectStore {
        self.open_in(Room::PAGE, 1 << 20)
    }

    fn open_in(&self, room: Room, piece_bytes: u64) -> ObjectStore {
        let rules = StoreRules {
            kind: StoreKind::S3,
            lookback_minutes: 60,
            base_url: Some(self.server.url.clone()),
            rate: None,
        };
        let store = ObjectStore::open("S3", &rules, &self.server.http(), &self.session()).unwrap();
        ObjectStore {
            bucket: store.bucket.clone().in_pieces_of(piece_bytes),
            room,
            ..store
        }
    }

    fn session(&self) -> Session {
        let credentials = json!({
            "accessKeyId": "AKIA", "secretAccessKey": "secret", "region": "eu-central-1", "bucket": "things",
        });
        let Value::Object(credentials) = credentials else {
            unreachable!("credentials are an object")
        };
        Session::new(credentials, self.config.clone())
    }

    /// All pages of a walk; every cursor passes through its stored form.
    async fn walk(&self, store: &ObjectStore, entity: &str, ask: &Ask) -> Vec<Page> {
        let first = store.plan(entity, ask).unwrap();
        self.walk_from(store, entity, first).await
    }

    async fn walk_from(&self, store: &ObjectStore, entity: &str, first: Cursor) -> Vec<Page> {
        let (mut pages, mut cursor) = (Vec::new(), Some(first));
        while let Some(here) = cursor {
            let page = store
                .read(entity, &stored(&here), &self.session())
                .await
                .unwrap();
            cursor = page.next.clone();
            pages.push(page);
            assert!(pages.len() < 5_000, "a walk without end");
        }
        pages
    }

    /// The rows of a whole walk.
    async fn rows(&self) -> Vec<Page> {
        self.walk(&self.open(), ROWS, &full()).await
    }
}

fn stored(cursor: &Cursor) -> Cursor {
    serde_json::from_value(serde_json::to_value(cursor).unwrap()).unwrap()
}

fn place(cursor: &Cursor) -> &WalkPlace {
    match &cursor.position {
        Position::Object(place) => place,
        other => panic!("no place in a store: {other:?}"),
    }
}

fn full() -> Ask {
    Ask {
        mode: SyncMode::Full,
        window: None,
        checkpoint: Checkpoint::default(),
        now: now() + TimeDelta::hours(1),
    }
}

/// Ids with JSON, and errors by their codes with ids.
type Brought = (Vec<(String, String)>, Vec<(&'static str, Option<String>)>);

fn brought(pages: &[Page]) -> Brought {
    let records = pages.iter().flat_map(|page| &page.records);
    let body = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    let records = records.map(|record| (record.external_id.clone(), body(&record.body)));
    let rejected = pages.iter().flat_map(|page| &page.rejected);
    let rejected = rejected.map(|error| (error.code, error.external_id.clone()));
    (records.collect(), rejected.collect())
}

fn answer(asked: &Asked, objects: &BTreeMap<String, Object>, at_once: usize) -> Reply {
    if asked.path() == "/things/" {
        return listing(asked, objects, at_once);
    }
    let key = asked.path().strip_prefix("/things/").unwrap();
    let key = percent_encoding::percent_decode_str(key)
        .decode_utf8()
        .unwrap();
    let error = |status, code| Reply::status(status, format!("<Error><Code>{code}</Code></Error>"));
    let Some(object) = objects.get(&*key) else {
        return error(404, "NoSuchKey");
    };
    if object.content == FORBIDDEN {
        return error(403, "AccessDenied");
    }
    if object.content == KEY_TAKEN_BACK {
        return error(403, "InvalidAccessKeyId");
    }
    let etag = format!("\"{}\"", object.version);
    if asked
        .header("if-match")
        .is_some_and(|wanted| wanted != etag)
    {
        return error(412, "PreconditionFailed");
    }
    let range = asked
        .header("range")
        .unwrap()
        .strip_prefix("bytes=")
        .unwrap();
    let (from, until) = range.split_once('-').unwrap();
    let size = object.content.len();
    let from: usize = from.parse().unwrap();
    if from >= size {
        return error(416, "InvalidRange");
    }
    let until = size.min(until.parse::<usize>().unwrap() + 1);
    let part = object.content[from..until].to_vec();
    Reply::Whole(206, Vec::new(), part)
        .with("ETag", etag)
        .with("Last-Modified", object.modified.to_rfc2822())
        .with("Date", now().to_rfc2822())
        .with(
            "Content-Range",
            format!("bytes {from}-{}/{size}", until - 1),
        )
}

fn listing(asked: &Asked, objects: &BTreeMap<String, Object>, at_once: usize) -> Reply {
    let after = asked.query("start-after").pop().unwrap_or_default();
    let prefix = asked.query("prefix").pop().unwrap_or_default();
    let found = objects
        .iter()
        .filter(|(key, _)| **key > after && key.starts_with(&prefix));
    let found: Vec<_> = found.take(at_once + 1).collect();
    let page = &found[..found.len().min(at_once)];
    let mut xml = format!(
        "<ListBucketResult><IsTruncated>{}</IsTruncated>",
        found.len() > at_once
    );
    for (key, object) in page {
        let Object {
            content,
            version,
            modified,
        } = object;
        xml += &format!(
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{version}&quot;</ETag><Size>{}</Size></Contents>",
            percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC),
            modified.to_rfc3339(),
            content.len()
        );
    }
    xml += "<EncodingType>url</EncodingType></ListBucketResult>";
    Reply::status(200, xml).with("Date", now().to_rfc2822())
}
