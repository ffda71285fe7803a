//! However an object is cut into pieces and pages, and wherever a walk goes on: the same rows.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A few lines of a file, with what makes cutting them hard.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("1,one,x\n".to_owned()),
        Just("2,\"two, \"\"quoted\"\"\nand broken\",y\r\n".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n\r\n".to_owned()),
        Just("3,ragged\n".to_owned()),
        Just("4,\u{feff}é✓,\n".to_owned()),
        "[a-z]{0,40},[a-z ]{0,9},\"[a-z,\n]{0,9}\"\n",
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(r#"{"a":"]},\"\\","b":[1,{"c":"[\\"}]}"#.to_owned()),
        Just(r#"{"n":1.10,"e":"é✓"}"#.to_owned()),
        Just("17".to_owned()),
        Just(r#""text""#.to_owned()),
        Just("null".to_owned()),
        "\\{\"k\":\"[a-z]{0,30}\"\\}",
    ]
}

fn content() -> impl Strategy<Value = (&'static str, String)> {
    let marks = prop_oneof![Just(""), Just("\u{feff}")];
    let csv = (marks, prop::collection::vec(line(), 0..12), prop::bool::ANY);
    let csv = csv.prop_map(|(mark, lines, ends)| {
        let text = format!("{mark}id,name,last\n{}", lines.concat());
        (
            "a.csv",
            if ends {
                text
            } else {
                text.trim_end().to_owned()
            },
        )
    });
    let values = prop::collection::vec(value(), 0..12).boxed();
    let blanks = prop_oneof![Just(""), Just(" "), Just("\n ")];
    let array = (values.clone(), blanks).prop_map(|(values, blank)| {
        (
            "a.json",
            format!(
                "{blank}[{blank}{}{blank}]{blank}",
                values.join(&format!("{blank},{blank}"))
            ),
        )
    });
    let rows = values
        .clone()
        .prop_map(|values| ("a.json", values.join("\n")));
    let lines = values.prop_map(|values| ("a.ndjson", values.join("\r\n")));
    prop_oneof![csv, array, rows, lines]
}

pub(super) fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

async fn read_so(key: &str, content: &[u8], rows: usize, piece_bytes: u64) {
    let shelf = Shelf::new(json!({})).await;
    shelf.put(key, content);
    let whole = brought(&shelf.rows().await);

    let store = shelf.open_in(
        Room {
            rows,
            bytes: 1 << 20,
        },
        piece_bytes,
    );
    let pages = shelf.walk(&store, ROWS, &full()).await;
    assert_eq!(
        brought(&pages),
        whole,
        "in pieces of {piece_bytes}, {rows} rows a page"
    );

    for (place, page) in pages.iter().enumerate() {
        let Some(next) = &page.next else { continue };
        // Somebody else, who knows nothing but the cursor.
        let fresh = shelf.open_in(
            Room {
                rows,
                bytes: 1 << 20,
            },
            piece_bytes,
        );
        let rest = shelf.walk_from(&fresh, ROWS, stored(next)).await;
        let (mut records, mut rejected) = brought(&pages[..=place]);
        let (more, wrong) = brought(&rest);
        records.extend(more);
        rejected.extend(wrong);
        assert_eq!((records, rejected), whole, "gone on after page {place}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_way_to_cut_an_object_gives_the_same_rows(
        (key, text) in content(), rows in 1_usize..5, piece_bytes in 4_u64..90,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            read_so(key, text.as_bytes(), rows, piece_bytes).await;
            read_so(&format!("{key}.gz"), &packed(&text), rows, piece_bytes).await;
        });
    }
}
