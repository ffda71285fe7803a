//! What a walk reads of a bucket, and what it says of the rest.

use serde_json::json;

use super::*;
use crate::blobs::Listed;
use crate::connectors::objects::OBJECTS;
use crate::connectors::objects::walk::begin_after;
use crate::connectors::{Coverage, Gain};
use crate::domain::FailureKind;

#[tokio::test]
async fn the_listing_is_read_to_its_end_whatever_the_names() {
    let shelf = Shelf::new(json!({})).await;
    let names = [
        "a b+c%20.csv",
        "é✓",
        "folder/",
        "x&<>\"'",
        "control\u{1}",
        "long".repeat(200).as_str(),
    ]
    .map(str::to_owned);
    for name in &names {
        shelf.put(name, "12");
    }
    let pages = shelf.walk(&shelf.open(), OBJECTS, &full()).await;
    assert_eq!(pages.len(), 2);
    let (records, errors) = brought(&pages);
    assert_eq!(errors, []);
    let mut listed: Vec<String> = records
        .iter()
        .map(|(_, json)| {
            serde_json::from_str::<Value>(json).unwrap()["key"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let mut expected = names.to_vec();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    let first = records.iter().find(|(id, _)| id == "folder/").unwrap();
    assert_eq!(
        first.1,
        r#"{"etag":"1","key":"folder/","lastModified":"2026-06-01T12:00:00Z","size":2}"#
    );
    assert!(records.iter().all(|(id, _)| id.len() <= 512));
    assert!(matches!(pages[1].coverage, Coverage::Everything { .. }));
}

#[tokio::test]
async fn an_incremental_walk_opens_what_was_modified_since_and_claims_no_more() {
    let shelf = Shelf::new(json!({})).await;
    let day = TimeDelta::days(1);
    shelf.put_at("old.csv", "a\n1\n", now() - day).put_at(
        "new.csv",
        "a\n2\n",
        now() - TimeDelta::minutes(30),
    );
    let store = shelf.open();
    let first = shelf.walk(&store, ROWS, &full()).await;
    let last = first.last().unwrap();
    // The store's clock is an hour behind ours.
    assert_eq!(last.coverage, Coverage::Everything { began_at: now() });
    let gain = last.gain.clone().unwrap();
    let checkpoint = Checkpoint::default().with(&gain);
    assert_eq!(checkpoint.through, Some(now() - TimeDelta::hours(1)));
    let ask = Ask {
        mode: SyncMode::Incremental,
        checkpoint,
        ..full()
    };
    let pages = shelf.walk(&store, ROWS, &ask).await;
    let (rows, _) = brought(&pages);
    assert_eq!(rows, [("new.csv#1".to_owned(), r#"{"a":"2"}"#.to_owned())]);
    let last = pages.last().unwrap();
    assert_eq!(last.coverage, Coverage::Some);
    assert!(matches!(last.gain, Some(Gain::Changed { .. })));
    let pages = shelf.walk(&store, OBJECTS, &ask).await;
    assert_eq!(brought(&pages).0.len(), 2, "the listing is always whole");
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_read_is_read_anew() {
    let shelf = Shelf::new(json!({})).await;
    shelf.put("a.csv", "a\n1\n2\n3\n").put("b.csv", "a\n9\n");
    let store = shelf.open_in(
        Room {
            rows: 1,
            bytes: 1 << 20,
        },
        4,
    );
    let cursor = store.plan(ROWS, &full()).unwrap();
    let page = store.read(ROWS, &cursor, &shelf.session()).await.unwrap();
    assert_eq!(
        brought(std::slice::from_ref(&page)).0,
        [("a.csv#1".to_owned(), r#"{"a":"1"}"#.to_owned())]
    );
    shelf.put("a.csv", "a\n7\n8\n");
    let rest = shelf.walk_from(&store, ROWS, page.next.unwrap()).await;
    let (rows, errors) = brought(&rest);
    let found: Vec<(&str, &str)> = rows
        .iter()
        .map(|(id, json)| (id.as_str(), json.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("a.csv#1", r#"{"a":"7"}"#),
            ("a.csv#2", r#"{"a":"8"}"#),
            ("b.csv#1", r#"{"a":"9"}"#)
        ]
    );
    assert_eq!(errors, []);
}

#[tokio::test]
async fn an_object_that_never_holds_still_is_one_error() {
    let shelf = Shelf::new(json!({})).await;
    shelf.put("a.csv", "a\n1\n2\n").put("b.csv", "a\n9\n");
    let store = shelf.open_in(
        Room {
            rows: 1,
            bytes: 1 << 20,
        },
        4,
    );
    let mut cursor = Some(store.plan(ROWS, &full()).unwrap());
    let mut pages = Vec::new();
    while let Some(here) = cursor {
        let page = store.read(ROWS, &here, &shelf.session()).await.unwrap();
        cursor = page.next.clone();
        pages.push(page);
        shelf.put("a.csv", "a\n1\n2\n");
        assert!(pages.len() < 100, "a walk without end");
    }
    let (rows, errors) = brought(&pages);
    assert_eq!(errors, [("changing-object", Some("a.csv".to_owned()))]);
    assert_eq!(rows.last().unwrap().0, "b.csv#1");
}

#[tokio::test]
async fn an_object_that_is_deleted_while_the_walk_is_on_its_way_is_passed_over() {
    let shelf = Shelf::new(json!({})).await;
    for key in ["a.csv", "b.csv", "c.csv", "d.csv", "e.csv"] {
        shelf.put(key, "a\n1\n2\n");
    }
    let room = Room {
        rows: 1,
        bytes: 1 << 20,
    };
    let store = shelf.open_in(room, 4);
    let cursor = store.plan(ROWS, &full()).unwrap();
    let page = store.read(ROWS, &cursor, &shelf.session()).await.unwrap();
    let next = page.next.unwrap();
    assert_eq!(place(&next).object.as_ref().unwrap().key, "a.csv");
    for key in ["a.csv", "b.csv", "d.csv"] {
        shelf.delete(key);
    }
    for store in [store, shelf.open_in(room, 4)] {
        let (rows, errors) = brought(&shelf.walk_from(&store, ROWS, next.clone()).await);
        let ids: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["c.csv#1", "c.csv#2", "e.csv#1", "e.csv#2"]);
        assert_eq!(errors, []);
    }
}

#[test]
fn where_the_last_object_is_gone_none_of_its_page_is_passed_over() {
    let page = |keys: &[&str]| -> Vec<Listed> {
        let listed = |key: &&str| Listed {
            key: (*key).to_owned(),
            ..Listed::default()
        };
        keys.iter().map(listed).collect()
    };
    // As a store lists that puts folders before what else begins so.
    let objects = page(&["a/b", "a/c", "a-d"]);
    assert_eq!(begin_after(&objects, None), 0);
    assert_eq!(begin_after(&objects, Some("a/c")), 2);
    assert_eq!(begin_after(&objects[1..], Some("a/b")), 0);
}

#[tokio::test]
async fn how_far_a_walk_came_is_handed_over_also_where_it_found_nothing() {
    let shelf = Shelf::listing_at_once(500, json!({})).await;
    for number in 0..100 {
        shelf.put(&format!("{number:03}.csv"), "only,names\n");
    }
    shelf.put("z.csv", "a\n1\n");
    let pages = shelf.walk(&shelf.open(), ROWS, &full()).await;
    assert_eq!(brought(&pages).0.len(), 1);
    assert!(pages.len() > 3, "{} pages", pages.len());
    assert!(pages.iter().all(|page| page.requests <= 33));
}

#[tokio::test]
async fn an_object_that_may_not_be_read_is_an_error_that_stops_no_other() {
    let shelf = Shelf::new(json!({})).await;
    shelf
        .put("a.csv", FORBIDDEN)
        .put("b.csv", "a\n1\n")
        .put("c.csv", FORBIDDEN);
    let pages = shelf.rows().await;
    let (rows, errors) = brought(&pages);
    assert_eq!(rows.len(), 1);
    let forbidden = |key: &str| ("forbidden-object", Some(key.to_owned()));
    assert_eq!(errors, [forbidden("a.csv"), forbidden("c.csv")]);
    let last = pages.last().unwrap();
    assert_eq!(last.coverage, Coverage::Some, "its rows may exist");
    let errors = pages.iter().flat_map(|page| &page.rejected);
    for error in errors {
        assert!(error.message.contains("AccessDenied"), "{}", error.message);
        // There is nothing that a retry could read.
        assert!(error.payload.is_empty() && error.truncated);
    }
}

#[tokio::test]
async fn a_key_that_is_taken_back_on_the_way_ends_the_walk_at_once() {
    let shelf = Shelf::new(json!({})).await;
    shelf
        .put("a.csv", "a\n1\n")
        .put("b.csv", KEY_TAKEN_BACK)
        .put("c.csv", "a\n2\n");
    let store = shelf.open();
    let first = store.plan(ROWS, &full()).unwrap();
    let read = async |cursor: &Cursor| store.read(ROWS, cursor, &shelf.session()).await;
    let page = read(&first).await.unwrap();
    assert_eq!(page.records.len(), 1);
    let failure = read(&page.next.unwrap()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::CredentialsRejected);
    assert!(!failure.retryable);
    let asked = shelf.server.asked();
    let count = |key: &str| {
        let of = asked.iter().filter(|asked| asked.path().ends_with(key));
        of.count()
    };
    assert_eq!((count("b.csv"), count("c.csv")), (1, 0));
}

#[tokio::test]
async fn a_snapshot_that_holds_rows_of_an_older_version_of_an_object_fails() {
    let shelf = Shelf::new(json!({})).await;
    shelf.put("a.csv", "a\n1\n2\n3\n");
    let room = Room {
        rows: 1,
        bytes: 1 << 20,
    };
    let ask = Ask {
        mode: SyncMode::Snapshot,
        ..full()
    };
    let store = shelf.open_in(room, 4);
    let first = store.plan(ROWS, &ask).unwrap();
    let page = store.read(ROWS, &first, &shelf.session()).await.unwrap();
    assert_eq!(page.records.len(), 1);
    shelf.put("a.csv", "a\n7\n");
    let next = page.next.unwrap();
    let failure = store.read(ROWS, &next, &shelf.session()).await.unwrap_err();
    assert!(failure.message.contains("another snapshot"), "{failure}");
    let (rows, _) = brought(&shelf.walk_from(&store, ROWS, first).await);
    assert_eq!(rows, [("a.csv#1".to_owned(), r#"{"a":"7"}"#.to_owned())]);
}

#[tokio::test]
async fn a_name_that_no_database_takes_is_an_error_and_is_never_stored() {
    let shelf = Shelf::new(json!({})).await;
    shelf.put("a.csv", "a\n1\n").put("b\0.csv", "a\n2\n");
    for entity in [ROWS, OBJECTS] {
        let pages = shelf.walk(&shelf.open(), entity, &full()).await;
        let (records, errors) = brought(&pages);
        assert_eq!((records.len(), errors.len()), (1, 1), "{errors:?}");
        assert!(matches!(errors[0].0, "unusable-key" | "nul-character"));
        for page in &pages {
            let id = page
                .rejected
                .iter()
                .filter_map(|it| it.external_id.as_ref());
            assert!(
                id.chain(page.rejected.iter().map(|it| &it.message))
                    .all(|text| !text.contains('\0'))
            );
            let cursor = serde_json::to_string(&page.next).unwrap();
            assert!(!cursor.contains("u0000"), "{cursor}");
        }
    }
}
