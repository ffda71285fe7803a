//! The engine alone: every page, every place to go on from, every format.

use std::collections::BTreeMap;

use rail_shared::connectors::{Ask, Catalogue, Checkpoint, Cursor, Page, Session, Source};
use rail_shared::domain::{Clock, SyncMode};
use rail_shared::http::{Guard, Http, Limits};
use rail_tests::stores::ObjectStore;
use serde_json::{Value, json};

pub(super) fn source(store: &ObjectStore, config: &Value) -> Source {
    let urls = BTreeMap::from([(store.connector().to_owned(), store.base_url().to_owned())]);
    let catalogue = Catalogue::embedded(&urls).unwrap();
    let http = Http::new(Guard::public_and(urls.values()), Limits::default()).unwrap();
    let config = config.as_object().unwrap().clone();
    let session = Session::new(store.credentials().clone(), config);
    catalogue
        .get(store.connector())
        .unwrap()
        .open(&http, session)
}

async fn walk(source: &Source, entity: &str, first: Cursor) -> Vec<(Cursor, Page)> {
    let (mut pages, mut cursor) = (Vec::new(), Some(first));
    while let Some(here) = cursor {
        let here: Cursor = serde_json::from_value(serde_json::to_value(&here).unwrap()).unwrap();
        let page = source.read(entity, &here).await.unwrap();
        cursor = page.next.clone();
        pages.push((here, page));
        assert!(pages.len() < 2_000, "a walk without end");
    }
    pages
}

fn full(source: &Source, entity: &str) -> Cursor {
    let ask = Ask {
        mode: SyncMode::Full,
        window: None,
        checkpoint: Checkpoint::default(),
        now: Clock::system().now(),
    };
    source.plan(entity, &ask).unwrap()
}

fn rows<'p>(pages: impl IntoIterator<Item = &'p (Cursor, Page)>) -> Vec<(String, Value)> {
    let pages = pages.into_iter();
    let records = pages.flat_map(|(_, page)| {
        assert!(page.rejected.is_empty(), "{:?}", page.rejected);
        &page.records
    });
    let value = |body: &[u8]| serde_json::from_slice(body).unwrap();
    records
        .map(|record| (record.external_id.clone(), value(&record.body)))
        .collect()
}

/// Lines of a table, as many as asked for, with texts that make some longer than others.
fn csv(count: usize) -> String {
    let line = |n: usize| format!("{n},\"{}\"\n", "text, ".repeat(n % 40));
    format!("id,text\n{}", (0..count).map(line).collect::<String>())
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_goes_on_from_any_of_its_places_finds_the_same_rows() {
    for mut store in ObjectStore::all().await {
        let lines = |n: usize| format!("{{\"id\":{n},\"n\":{n}.10}}\n");
        let many: Vec<Value> = (0..2_600)
            .map(|n| json!({ "id": n, "text": format!("row {n}") }))
            .collect();
        store.put("a.csv", csv(30_000));
        store.put("b.csv.gz", gzip(&csv(4_000)));
        store.put("c.ndjson", (0..2_500).map(lines).collect::<String>());
        store.put("d.json", Value::from(many.clone()).to_string());
        store.put_parquet("e.parquet", &Value::from(many), 700);
        let source = source(&store, &json!({}));
        let pages = walk(&source, "rows", full(&source, "rows")).await;
        let all = rows(&pages);
        assert_eq!(all.len(), 30_000 + 4_000 + 2_500 + 2_600 + 2_600);
        for (_, page) in &pages {
            let bytes: usize = page.records.iter().map(|record| record.body.len()).sum();
            assert!(
                page.records.len() <= 1_000 && bytes <= 2 << 20,
                "a page of {bytes}"
            );
        }
        for place in (0..pages.len()).step_by(5) {
            // Somebody else, who knows nothing but the cursor.
            let other = self::source(&store, &json!({}));
            let rest = walk(&other, "rows", pages[place].0.clone()).await;
            let mut found = rows(&pages[..place]);
            found.extend(rows(&rest));
            assert!(
                found == all,
                "{} gone on from page {place}",
                store.connector()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_keeps_the_digits_of_numbers_and_writes_times_as_rfc_3339() {
    for mut store in ObjectStore::all().await {
        let row = json!({
            "id": 9_007_199_254_740_993_i64,
            "amount": { "$decimal": "12345678901234567890.1200" },
            "at": { "$time": "2026-01-02T03:04:05.678901" },
            "day": { "$date": "1969-12-31" },
            "debt": { "$decimal": "-0.05" },
            "exact": { "$nanos": 1_767_323_045_678_901_234_i64 },
            "raw": { "$bytes": "AP8=" },
            "units": { "$decimal": "-1200" },
            "uuid": { "$uuid": "0d1e4567-e89b-12d3-a456-426614174000" },
            "ratio": 0.1,
            "tags": ["a", null],
            "inner": { "b": true, "n": null },
        });
        store.put_parquet("a.parquet", &json!([row]), 100);
        let source = source(
            &store,
            &json!({ "id": "id", "updatedAt": "at", "timeFormat": "iso8601" }),
        );
        let pages = walk(&source, "rows", full(&source, "rows")).await;
        let record = &pages[0].1.records[0];
        assert_eq!(record.external_id, "9007199254740993");
        assert_eq!(
            record.updated_at,
            Some("2026-01-02T03:04:05.678901Z".parse().unwrap())
        );
        let body = std::str::from_utf8(&record.body).unwrap();
        assert_eq!(
            body.replace(",\"", ",\n\""),
            [
                r#"{"amount":12345678901234567890.1200"#,
                r#""at":"2026-01-02T03:04:05.678901Z""#,
                r#""day":"1969-12-31""#,
                r#""debt":-0.05"#,
                r#""exact":"2026-01-02T03:04:05.678901234Z""#,
                r#""id":9007199254740993"#,
                r#""inner":{"b":true"#,
                r#""n":null}"#,
                r#""ratio":0.1"#,
                r#""raw":"AP8=""#,
                r#""tags":["a",null]"#,
                r#""units":-1200"#,
                r#""uuid":"0d1e4567-e89b-12d3-a456-426614174000"}"#,
            ]
            .join(",\n")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_is_what_the_vendors_own_library_lists() {
    for mut store in ObjectStore::all().await {
        for key in [
            "a b+c.csv",
            "été/ü&<>.json",
            "100%25.csv",
            "(x)'*~!;,=@:$.csv",
            "folder/x/",
            "q?x#y",
        ] {
            store.put(key, key);
        }
        // More than a page of S3's listing.
        for number in 0..1_005 {
            store.put(&format!("many/{number:04}"), "1");
        }
        let source = source(&store, &json!({}));
        let pages = walk(&source, "objects", full(&source, "objects")).await;
        let ours: Vec<(String, String, u64)> = rows(&pages)
            .into_iter()
            .map(|(id, object)| {
                assert_eq!(object["key"], id.as_str());
                let etag = object["etag"].as_str().unwrap().to_owned();
                (id, etag, object["size"].as_u64().unwrap())
            })
            .collect();
        let theirs: Vec<(String, String, u64)> = store
            .listed()
            .into_iter()
            .map(|object| (object.key, object.etag, object.size))
            .collect();
        assert_eq!(ours.len(), 1_011);
        assert_eq!(ours, theirs, "{}", store.connector());
        // And each can be read by the name that it is listed under.
        let source = self::source(
            &store,
            &json!({ "format": "csv", "header": "no", "quote": "none", "delimiter": "|" }),
        );
        let pages = walk(&source, "rows", full(&source, "rows")).await;
        let read: BTreeMap<String, Value> = rows(&pages).into_iter().collect();
        assert_eq!(
            read["été/ü&<>.json#1"],
            json!({ "column_1": "été/ü&<>.json" })
        );
        assert_eq!(read["q?x#y#1"], json!({ "column_1": "q?x#y" }));
        assert_eq!(read.len(), 1_010, "all but the folder");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_written_anew_on_the_way_is_read_from_its_start() {
    for mut store in ObjectStore::all().await {
        store.put("a.csv", csv(60_000));
        let source = source(&store, &json!({ "id": "id" }));
        let first = source.read("rows", &full(&source, "rows")).await.unwrap();
        assert_eq!(first.records.len(), 1_000);
        store.put("a.csv", csv(3));
        // What was fetched of the old one is handed over; then it shows.
        let rest = walk(&source, "rows", first.next.unwrap()).await;
        let found = rows(&rest);
        let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
        assert!(
            ids.ends_with(&["0", "1", "2"]),
            "{} {:?}",
            store.connector(),
            &ids[ids.len() - 4..]
        );
        assert!(ids.len() < 40_000);
    }
}
