//! What the rows of each format become.

use serde_json::json;

use super::*;

async fn of(config: Value, key: &str, content: impl Into<Vec<u8>>) -> Brought {
    let shelf = Shelf::new(config).await;
    shelf.put(key, content);
    brought(&shelf.rows().await)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(id, json)| ((*id).to_owned(), (*json).to_owned()))
        .collect()
}

#[tokio::test]
async fn values_of_csv_stay_texts_and_ids_are_the_objects_name_and_the_rows_number() {
    let csv = "\u{feff}id,amount,note\r\n007,1.10,\"a, \"\"b\"\"\nc\"\r\n\r\n8,,é\n";
    let (rows, errors) = of(json!({}), "in/a.csv", csv).await;
    assert_eq!(
        rows,
        pairs(&[
            (
                "in/a.csv#1",
                r#"{"id":"007","amount":"1.10","note":"a, \"b\"\nc"}"#
            ),
            ("in/a.csv#2", r#"{"id":"8","amount":"","note":"é"}"#),
        ])
    );
    assert_eq!(errors, []);
}

#[tokio::test]
async fn csv_is_read_as_the_connection_says_it_is_written() {
    let config = json!({ "delimiter": ";", "quote": "'", "header": "no", "id": "column_2" });
    let (rows, _) = of(config, "a.csv", "1;'x;y'\n2;z\n").await;
    assert_eq!(
        rows,
        pairs(&[
            ("x;y", r#"{"column_1":"1","column_2":"x;y"}"#),
            ("z", r#"{"column_1":"2","column_2":"z"}"#),
        ])
    );
    let config = json!({ "delimiter": "tab", "quote": "none", "format": "csv", "pattern": "**" });
    let (rows, _) = of(config, "table.txt", "a\ta\t\n\"1\t2\t3\n").await;
    assert_eq!(
        rows,
        pairs(&[("table.txt#1", r#"{"a":"\"1","a_2":"2","column_3":"3"}"#)])
    );
}

#[tokio::test]
async fn rows_that_cannot_be_stored_are_errors_and_the_others_are_read() {
    let csv = b"id,name\n1,one\n2\n3,three,more\n4,\xff\n5,a\0b\n,six\n1,again\n";
    let (rows, errors) = of(json!({ "id": "id" }), "a.csv", &csv[..]).await;
    // Of two rows with the same id the later one counts.
    assert_eq!(rows, pairs(&[("1", r#"{"id":"1","name":"again"}"#)]));
    assert_eq!(
        errors,
        [
            ("ragged-row", None),
            ("ragged-row", None),
            ("not-utf8", None),
            ("nul-character", some("5")),
            ("no-id", None),
        ]
    );
    let lines = "{\"id\":1}\nnonsense\n[2]\n{\"id\":3}\n";
    let (rows, errors) = of(json!({}), "a.jsonl", lines).await;
    assert_eq!(
        rows,
        pairs(&[("a.jsonl#1", "{\"id\":1}"), ("a.jsonl#4", "{\"id\":3}")])
    );
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[tokio::test]
async fn numbers_of_json_keep_their_digits_and_ids_may_have_parts() {
    let config = json!({ "id": "a, /b/c", "createdAt": "at", "timeFormat": "unix_seconds" });
    let shelf = Shelf::new(config).await;
    shelf.put(
        "a.json",
        r#"[{"a":7,"b":{"c":"x"},"at":0,"n":12345678901234567890.100}]"#,
    );
    let pages = shelf.rows().await;
    let record = &pages[0].records[0];
    assert_eq!(record.external_id, "7:x");
    assert_eq!(record.created_at, Some(DateTime::UNIX_EPOCH));
    assert_eq!(record.updated_at, Some(now()), "its object's");
    assert!(record.body.ends_with(b"12345678901234567890.100}"));
}

#[tokio::test]
async fn an_object_that_is_not_what_its_name_says_is_one_error_and_stops_no_other() {
    let shelf = Shelf::new(json!({})).await;
    shelf
        .put("a.json", r#"[{"n":1} {"n":2}]"#)
        .put("b.json", r#"[{"n":1},"#)
        .put("c.csv.gz", &b"\x1f\x8b\x08\0\0\0\0\0\0\0nonsense"[..])
        .put("d.parquet", "PAR1 but no more than that PAR1")
        .put("e.ndjson", &b"\xff\xfe{\0}\0"[..])
        .put("f/../g.csv", "a\n1\n")
        .put("z.csv", "a\n1\n");
    let pages = shelf.rows().await;
    let (rows, errors) = brought(&pages);
    assert_eq!(
        rows,
        pairs(&[
            ("a.json#1", r#"{"n":1}"#),
            ("b.json#1", r#"{"n":1}"#),
            ("z.csv#1", r#"{"a":"1"}"#),
        ])
    );
    assert_eq!(
        errors,
        [
            ("unreadable-object", some("a.json")),
            ("unreadable-object", some("b.json")),
            ("unreadable-object", some("c.csv.gz")),
            ("unreadable-object", some("d.parquet")),
            ("unreadable-object", some("e.ndjson")),
            ("unusable-key", some("f/../g.csv")),
        ]
    );
    let message = &pages
        .iter()
        .flat_map(|page| &page.rejected)
        .next()
        .unwrap()
        .message;
    assert_eq!(
        message,
        "the object a.json is not JSON: no comma after a record (after row 1)"
    );
    let last = pages.last().unwrap();
    assert_eq!(
        last.coverage,
        crate::connectors::Coverage::Some,
        "what was not read may exist"
    );
    assert!(last.gain.is_some());
}

#[tokio::test]
async fn what_breaks_off_is_an_error_of_the_whole_object_and_nothing_is_taken_for_deleted() {
    let lines: String = (0..20_000).map(|n| format!("{n},{n}\n")).collect();
    let packed = splits::packed(&format!("id,n\n{lines}"));
    let half = &packed[..packed.len() / 2];
    for (key, content) in [
        // All that follows the quote would be one value.
        ("a.csv", &b"id,n\n1,1\n2,\"two\n3,3\n4,4\n"[..]),
        ("b.csv.gz", half),
        ("c.json", b"[{\"id\":1},{\"id\":2}"),
    ] {
        let shelf = Shelf::new(json!({ "id": "id" })).await;
        shelf.put(key, content);
        let pages = shelf.rows().await;
        let (rows, errors) = brought(&pages);
        assert_eq!(errors, [("unreadable-object", some(key))]);
        assert_eq!(rows[0].0, if key == "b.csv.gz" { "0" } else { "1" });
        let last = pages.last().unwrap();
        assert_eq!(last.coverage, crate::connectors::Coverage::Some, "{key}");
    }
    // The end of a line may be missing, and the end of a quoted value is one.
    let (rows, errors) = of(json!({}), "a.csv", "a,b\n1,\"x\n\"\r\n2,\"y\"").await;
    assert_eq!(rows.len(), 2);
    assert_eq!(errors, []);
}

#[tokio::test]
async fn folders_empty_objects_and_what_does_not_match_have_no_rows() {
    let config = json!({ "prefix": "in/", "pattern": "in/*/{a,b}?.csv" });
    let shelf = Shelf::new(config).await;
    for key in [
        "in/x/a1.csv",
        "in/x/b2.csv",
        "in/x/c1.csv",
        "in/a1.csv",
        "in/x/y/a1.csv",
        "out/x/a1.csv",
    ] {
        shelf.put(key, "k\nv\n");
    }
    shelf
        .put("in/x/a2.csv", "")
        .put("in/x/a3.csv", "k\n")
        .put("in/x/", "");
    let (rows, errors) = brought(&shelf.rows().await);
    let ids: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["in/x/a1.csv#1", "in/x/b2.csv#1"]);
    assert_eq!(errors, []);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_by_name() {
    for (config, says) in [
        (json!({ "pattern": "a[" }), "pattern"),
        (json!({ "id": "a,b,c,d,e" }), "id"),
        (json!({ "delimiter": "\"" }), "quote"),
        (json!({ "lookbackMinutes": "soon" }), "lookbackMinutes"),
    ] {
        let shelf = Shelf::new(config).await;
        let rules = StoreRules {
            kind: StoreKind::S3,
            lookback_minutes: 60,
            base_url: None,
            rate: None,
        };
        let refused = ObjectStore::open("S3", &rules, &shelf.server.http(), &shelf.session());
        let failure = refused.unwrap_err();
        assert!(
            !failure.retryable && failure.message.contains(says),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn csv_of_more_columns_than_anybody_writes_is_not_read() {
    let (rows, errors) = of(json!({}), "a.csv", format!("{}\n1\n", ",".repeat(16_384))).await;
    assert_eq!(rows, []);
    assert_eq!(errors, [("unreadable-object", some("a.csv"))]);
    let columns = format!("{}\n{0}\n", ",".repeat(16_383));
    let (rows, errors) = of(json!({}), "a.csv", columns).await;
    assert_eq!((rows.len(), errors.len()), (1, 0));
}

#[tokio::test]
async fn a_row_that_is_too_long_only_as_json_is_an_error() {
    let csv = format!("a,b\n1,{}\n2,two\n", "\u{1}".repeat(3 << 20));
    let (rows, errors) = of(json!({}), "a.csv", csv).await;
    assert_eq!(rows, pairs(&[("a.csv#2", r#"{"a":"2","b":"two"}"#)]));
    assert_eq!(errors, [("row-too-long", some("a.csv#1"))]);
}

#[tokio::test]
async fn blank_lines_are_no_row_however_many() {
    let blank = "\n".repeat(17 << 20);
    for (key, text) in [
        ("a.csv", format!("{blank}a\n{blank}1\n")),
        ("a.ndjson", format!("{blank}{{\"a\":\"1\"}}\n{blank}")),
    ] {
        let (rows, errors) = of(json!({}), key, text).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].1, r#"{"a":"1"}"#);
        assert_eq!(errors, []);
    }
}
