use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::connectors::lift::{Pointer, open};
use crate::connectors::select::{Context, Section, from_feed, from_list};
use crate::connectors::{Coverage, Page};
use crate::domain::{FailureKind, fingerprint};

async fn read(body: &'static str) -> Result<Page, Failure> {
    let server = Canned::start(move |_| Reply::json(body)).await;
    let source = stripe(&server);
    let cursor = source.plan("customers", &ask(SyncMode::Full))?;
    source.read("customers", &cursor).await
}

#[tokio::test]
async fn bytes_are_handed_over_as_the_vendor_sent_them() {
    let page = read(
        r#"{"has_more": false, "data": [ {"id":"a", "sum": 10.10,
             "\u006eame": "\u00e9", "big": 123456789012345678901234567890} ]}"#,
    )
    .await
    .unwrap();
    let body = &page.records[0].body;
    let sent = r#"{"id":"a", "sum": 10.10,
             "\u006eame": "\u00e9", "big": 123456789012345678901234567890}"#;
    assert_eq!(body, sent);
    assert_eq!(
        page.records[0].fingerprint,
        fingerprint(sent.as_bytes()).unwrap()
    );
}

#[tokio::test]
async fn records_that_cannot_be_stored_are_rejected_and_the_rest_is_kept() {
    let page = read(
        r#"{"has_more": false, "data": [
            {"id": "good", "created": 1},
            {"name": "nameless"},
            {"id": null},
            {"id": ""},
            {"id": {"deep": 1}},
            "text",
            {"id": "nul", "name": "a\u0000b"},
            {"id": "half", "name": "\ud800"},
            {"id": "huge", "sum": 1e999999999},
            {"id": "untimed", "created": "never"},
            {"id": 42}
        ]}"#,
    )
    .await
    .unwrap();
    assert_eq!(ids(std::slice::from_ref(&page)), ["good", "untimed", "42"]);
    assert_eq!(page.records[1].created_at, None);
    let rejected: Vec<_> = page
        .rejected
        .iter()
        .map(|r| (r.external_id.as_deref(), r.code))
        .collect();
    assert_eq!(
        rejected,
        [
            (None, "no-id"),
            (None, "no-id"),
            (None, "no-id"),
            (None, "no-id"),
            (None, "not-an-object"),
            (Some("nul"), "nul-character"),
            (Some("half"), "lone-surrogate"),
            (Some("huge"), "number-too-large"),
        ]
    );
    assert_eq!(page.rejected[0].payload, r#"{"name": "nameless"}"#);
    assert_eq!(
        page.coverage,
        Coverage::Some,
        "a record without an id may be any of those that were not seen"
    );
}

#[tokio::test]
async fn a_record_without_an_id_on_any_page_forbids_to_infer_deletes_at_the_end() {
    let server = Canned::start(|asked| match asked.before {
        0 => Reply::json(r#"{"has_more": true, "data": [{"id": "a"}, {}]}"#),
        _ => Reply::json(r#"{"has_more": false, "data": [{"id": "b"}]}"#),
    })
    .await;
    let pages = walk(&stripe(&server), "customers", &ask(SyncMode::Full))
        .await
        .unwrap();
    assert_eq!(server.asked()[1].query("starting_after"), ["a"]);
    assert_eq!(pages[1].coverage, Coverage::Some);
}

#[tokio::test]
async fn the_same_id_twice_on_a_page_keeps_the_newer_version() {
    let page = read(
        r#"{"has_more": false, "data": [{"id": "a", "v": 1}, {"id": "b"}, {"id": "a", "v": 2}]}"#,
    )
    .await
    .unwrap();
    assert_eq!(page.records.len(), 2);
    assert_eq!(
        page.records[0].body, r#"{"id": "a", "v": 1}"#,
        "newest first"
    );

    // Products tell when they were changed: that counts before their order.
    let server = Canned::start(|_| {
        Reply::json(r#"{"has_more": false, "data": [{"id": "a", "updated": 1}, {"id": "a", "updated": 2}]}"#)
    })
    .await;
    let pages = walk(&stripe(&server), "products", &ask(SyncMode::Full))
        .await
        .unwrap();
    let kept: Vec<_> = pages[0]
        .records
        .iter()
        .map(|r| r.updated_at.unwrap().timestamp())
        .collect();
    assert_eq!(kept, [2]);
}

#[tokio::test]
async fn a_large_rejected_record_keeps_the_beginning_of_its_bytes() {
    let server = Canned::start(|_| {
        let large = format!(r#"{{"x": "{}"}}"#, "é".repeat(60_000));
        Reply::json(format!(r#"{{"has_more": false, "data": [{large}]}}"#))
    })
    .await;
    let pages = walk(&stripe(&server), "customers", &ask(SyncMode::Full))
        .await
        .unwrap();
    let payload = &pages[0].rejected[0].payload;
    assert!(payload.len() <= 64 * 1024 && payload.len() > 64 * 1024 - 4);
    assert!(std::str::from_utf8(payload).is_ok());
}

#[test]
fn no_array_makes_the_selection_panic_and_no_id_comes_twice() {
    let catalogue = Catalogue::embedded(&BTreeMap::new()).unwrap();
    let stripe = catalogue.get("stripe").unwrap();
    let stripe = stripe.definition();
    let rules = stripe
        .reading
        .as_ref()
        .unwrap()
        .entity("customers")
        .unwrap();
    let feed = rules.feed.as_ref().unwrap();
    let change = |id: &str, kind: &str| {
        format!(
            r#"{{"id":"{id}","created":1,"type":"customer.{kind}","data":{{"object":{{"id":"a"}}}}}}"#
        )
    };
    let element = prop_oneof![
        Just(change("a", "updated")),
        Just(change("b", "deleted")),
        r#"\{"id":("x"|1|null|\[\]|"\\\\u0000"|"\\\\ud800"),"created":(1|"x"|-9e9)\}"#,
        r#"[\[\]{}",:a-z0-9 ]{0,20}"#,
        any::<String>().prop_map(|text| format!("{text:?}")),
    ];
    let whole = Pointer::try_from(String::new()).unwrap();
    let check = |elements: Vec<String>| {
        let body = Bytes::from(format!("[{}]", elements.join(",")));
        let text = std::str::from_utf8(&body).unwrap();
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let opened = open(text, &whole, [None; 0]);
        prop_assert_eq!(opened.is_ok(), is_json);
        let elements = opened
            .ok()
            .and_then(|opened| opened.elements)
            .unwrap_or_default();
        let section = Section {
            elements: elements.clone(),
            presence: None,
        };
        for selection in [
            from_list(&body, &[section], rules, &Context::default(), now()),
            from_feed(&body, &elements, rules, feed, None, now()),
        ] {
            let mut seen = BTreeSet::new();
            prop_assert!(
                selection
                    .records
                    .iter()
                    .all(|r| seen.insert(&r.external_id))
            );
            prop_assert!(usize::try_from(selection.count).unwrap() >= selection.records.len());
        }
        Ok(())
    };
    TestRunner::default()
        .run(&prop::collection::vec(element, 0..8), check)
        .unwrap();
}

/// The whole way of arbitrary bytes: a page or a failure, never a panic.
#[tokio::test]
async fn arbitrary_bytes_are_a_page_or_a_failure() {
    let mut runner = TestRunner::default();
    let noise = prop::collection::vec(any::<u8>(), 0..64);
    let json =
        r#"\{("data":(\[\]|\[\{"id":"a"\}\]|1|"")?,?|"has_more":(true|false|null),?|x){0,3}\}?"#;
    let bodies = prop_oneof![noise, json.prop_map(String::into_bytes)];
    let bodies: Vec<Vec<u8>> = (0..200)
        .map(|_| bodies.new_tree(&mut runner).unwrap().current())
        .collect();
    let (count, served) = (bodies.len(), bodies.clone());
    let server =
        Canned::start(move |asked| Reply::Whole(200, Vec::new(), served[asked.before].clone()))
            .await;
    let source = stripe(&server);
    let cursor = source.plan("customers", &ask(SyncMode::Full)).unwrap();
    for body in &bodies {
        match source.read("customers", &cursor).await {
            Ok(page) => assert!(page.records.len() <= 1, "{body:?}"),
            Err(failure) => assert_eq!(failure.kind, FailureKind::MalformedAnswer, "{body:?}"),
        }
    }
    assert_eq!(server.asked().len(), count);
}
