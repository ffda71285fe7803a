//! The engine against a server that says what it is told to say.

mod coverage;
mod described;
mod enumerating;
mod failures;
mod feed;
mod lists;
mod oauth;
mod official;
mod one;
mod operators;
mod paging;
mod permitted;
mod probes;
mod rate;
mod schema;
mod selection;
mod user_grant;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::connector::Connector;
use super::{Ask, Catalogue, Checkpoint, Covered, Cursor, Page, Session, Source};
use crate::domain::{Failure, SyncMode};
use crate::http::canned::{Asked, Canned, Reply};

const KEY: &str = "sk_test_hidden";

/// A connector that cannot be used yet.
const LISTED: &str = r#"
id = "listed"
name = "Listed"
category = "CRM"
status = "DISABLED"
features = ["things"]
[credentials.token]
title = "Token"
[[entities]]
name = "things"
"#;

/// When every run of these tests begins.
fn now() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn ask(mode: SyncMode) -> Ask {
    Ask {
        mode,
        window: None,
        checkpoint: Checkpoint::default(),
        now: now(),
    }
}

fn since(age: TimeDelta) -> Ask {
    Ask {
        checkpoint: read_up_to(now() - age),
        ..ask(SyncMode::Incremental)
    }
}

/// What a walk of everything leaves.
fn read_up_to(through: DateTime<Utc>) -> Checkpoint {
    Checkpoint {
        through: Some(through),
        coverage: Covered::up_to(through),
        token: None,
    }
}

/// The checkpoint after a walk.
fn left(ask: &Ask, pages: &[Page]) -> Checkpoint {
    let (last, others) = pages.split_last().unwrap();
    assert!(
        others.iter().all(|page| page.gain.is_none()),
        "gained too early"
    );
    match &last.gain {
        Some(gain) => ask.checkpoint.with(gain),
        None => ask.checkpoint.clone(),
    }
}

fn session(credentials: &Value) -> Session {
    Session::new(credentials.as_object().unwrap().clone(), Map::new())
}

/// Stripe as the catalogue has it, at a canned server.
fn stripe(server: &Canned) -> Source {
    let overrides = BTreeMap::from([("stripe".to_owned(), server.url.clone())]);
    Catalogue::embedded(&overrides)
        .unwrap()
        .get("stripe")
        .unwrap()
        .open(&server.http(), session(&json!({ "apiKey": KEY })))
}

/// A vendor nobody knows: the rest of its file is given.
fn invented(server: &Canned, rest: &str) -> Source {
    let text = format!(
        r#"
        id = "invented"
        name = "Invented"
        category = "CRM"
        status = "AVAILABLE"
        features = []
        {rest}
        [credentials.key]
        title = "Key"
        [test]
        path = "/me"
        [[entities]]
        name = "things"
        path = "/things"
        changes = {{ by = "whole_list", because = "it is a test" }}
        "#
    );
    Connector::parse(&text, Some(&format!("{}/base", server.url)))
        .unwrap()
        .open(&server.http(), session(&json!({ "key": KEY })))
}

/// Reads a walk to its end, storing each cursor as the worker would.
async fn walk(source: &Source, entity: &str, ask: &Ask) -> Result<Vec<Page>, Failure> {
    let mut pages = Vec::new();
    let mut cursor = Some(source.plan(entity, ask)?);
    while let Some(here) = cursor {
        let stored = serde_json::to_value(&here).unwrap();
        let here: Cursor = serde_json::from_value(stored).unwrap();
        let page = source.read(entity, &here).await?;
        cursor = page.next.clone();
        pages.push(page);
        assert!(pages.len() < 100, "a walk without end");
    }
    Ok(pages)
}

fn ids(pages: &[Page]) -> Vec<&str> {
    pages
        .iter()
        .flat_map(|page| &page.records)
        .map(|record| record.external_id.as_str())
        .collect()
}

/// A list in Stripe's way over records that are newest first: `starting_after`, `limit`, `has_more`.
fn listed(asked: &Asked, records: &[Value]) -> Reply {
    let size: usize = asked.query("limit")[0].parse().unwrap();
    let from = match asked.query("starting_after").first() {
        Some(id) => records.iter().position(|r| r["id"] == **id).unwrap() + 1,
        None => 0,
    };
    let page: Vec<&Value> = records[from..].iter().take(size).collect();
    let has_more = from + page.len() < records.len();
    Reply::json(
        json!({ "object": "list", "data": page, "has_more": has_more, "url": asked.path() }),
    )
}

fn customers(count: u32) -> Vec<Value> {
    (0..count)
        .rev()
        .map(|n| json!({ "id": format!("cus_{n}"), "object": "customer", "created": 1_700_000_000 + n }))
        .collect()
}
