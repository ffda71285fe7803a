//! The files of exports, read by readers that know nothing of the rail.

use rail_tests::harness::{Rail, send, text};
use reqwest::Method;
use serde_json::json;

use super::scripts;

/// One a line: what breaks writers that are not careful.
const RECORDS: &str = r#"
{"id":"1","count":1,"amount":1.50,"paid":true,"day":"2024-02-29","at":"2024-02-29T23:59:59.999999Z","text":"plain"}
{"id":"2","count":-9223372036854775808,"amount":-0.00000000000000000001,"paid":false,"day":"0001-01-01","at":"1969-12-31T23:59:59+05:30","text":"quotes \" and, commas; 'more'"}
{"id":"3","count":9223372036854775807,"amount":999999999999999999.99,"text":"lines\r\nand\nmore\rand\ttabs"}
{"id":"4","text":"","nothing":null,"mixed":1}
{"id":"5","text":null,"mixed":"one"}
{"id":"6","text":"controls \u0001\u0008\u000b\u001f\u007f\ufffe\uffff","mixed":true}
{"id":"7","text":"😀 👩‍👩‍👧 \ud83d\ude00","rtl":"\u202eabc\u200f שלום مرحبا"}
{"id":"8","text":"<![CDATA[ ]]> & &amp; <a b='c'> --> <?php","tree":{"a":[1,[2,[]],{}],"b":{"c":null,"d.e":"x"},"":0}}
{"id":"9","text":"_x000D_ _x0041_ _x_ _xZ","tree":{"a":[]}}
{"id":"10","text":"=1+1","tree":[]}
{"id":"11","text":" spaces around ","huge":1e400,"tiny":1e-400,"digits":12345678901234567890123456789012345678}
{"id":"12","digits":-0.1234567890123456789,"huge":-0,"tiny":-0.0}
{"id":"13","__proto__":{"polluted":true},"constructor":"x"}
{"id":"14","":"no name","1st":"digit first","a b":"blank","xml:lang":"colon","xmlns":"reserved","é":1,"日本":"name","_x0041_":"look-alike","a.b":"dot","a\\b":"backslash","<&>\"'":"markup"}
{"id":"15","line\nbreak":"in a name","\u0001":"control in a name","item":[null,true,"x",1.0]}
{"id":"16","text":"2024-02-29","day":null,"at":null}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn other_readers_find_in_each_format_what_was_put_in() {
    let rail = Rail::builder().start().await;
    // So many to both sides that none of the first and none of the last records is odd: files of some formats are begun
    // by what those tell.
    let plain =
        |before: char| (0..1_100).map(move |n| format!(r#"{{"id":"{before}{n}","plain":{n}}}"#));
    let odd = RECORDS.lines().filter(|line| !line.is_empty());
    let records: Vec<String> = plain('!')
        .chain(odd.map(str::to_owned))
        .chain(plain('~'))
        .collect();
    let put = rail
        .caller
        .request(Method::PUT, "/records/oddities")
        .header("content-type", "application/x-ndjson")
        .body(records.join("\n"));
    let put = send(put).await.expect(200);
    assert_eq!(put["created"], records.len(), "{put}");
    for (name, format, options) in [
        ("csv", "CSV", json!({})),
        ("csv-gzip", "CSV", json!({"compression": "GZIP"})),
        ("csv-raw", "CSV", json!({"raw": true})),
        ("csv-flattened", "CSV", json!({"nested": "FLATTENED"})),
        ("json", "JSON", json!({})),
        ("ndjson", "JSON", json!({"layout": "LINES"})),
        (
            "ndjson-zstd",
            "JSON",
            json!({"layout": "LINES", "compression": "ZSTD"}),
        ),
        ("xml", "XML", json!({})),
        ("parquet", "PARQUET", json!({})),
        ("parquet-raw", "PARQUET", json!({"raw": true})),
    ] {
        let asked = json!({
            "name": "Oddities", "format": format, "entities": ["oddities"], "options": options,
            "destination": {"type": "LOCAL", "path": name},
        });
        let run = rail.export(&asked).await;
        assert_eq!(run["status"], "COMPLETED", "{name}: {run}");
        assert_eq!(run["rows"], records.len(), "{name}: {run}");
        assert!(text(&run, "manifest").ends_with(".json"), "{run}");
    }
    let told = json!({
        "folder": rail.export_dir().display().to_string(),
        "entity": "oddities",
        "records": records,
        // Fields of which a value is nested are JSON in Parquet.
        "json": ["tree", "__proto__", "item"],
    });
    scripts::run("exports_read.py", &told);
}
