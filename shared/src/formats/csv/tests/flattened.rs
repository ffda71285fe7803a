//! Objects as columns of their own, and the whole record as one.

use proptest::prelude::*;

use super::*;
use crate::formats::samples::{self, Json, Spelling};

const FLATTENED: CsvOptions = CsvOptions {
    formulas: Formulas::Verbatim,
    nested: Nested::Flattened,
    raw: false,
};

const RAW: CsvOptions = CsvOptions {
    formulas: Formulas::Verbatim,
    nested: Nested::Json,
    raw: true,
};

fn text(columns: &[&str], options: CsvOptions, payloads: &[&str]) -> String {
    String::from_utf8(encode(columns, options, payloads)).unwrap()
}

fn leaves_of(payload: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    leaves(payload, |name, value| {
        found.push((name.to_owned(), value.get().to_owned()));
    })
    .unwrap();
    found
}

#[test]
fn leaves_are_named_by_the_way_that_leads_to_them() {
    let payload = r#"{"a": {"b": {"c": 1.50, "d": null}, "e": [{"f": 1}]}, "g": {}, "h": "x\n"}"#;
    assert_eq!(
        leaves_of(payload),
        [
            ("a.b.c", "1.50"),
            ("a.b.d", "null"),
            ("a.e", r#"[{"f": 1}]"#),
            ("g", "{}"),
            ("h", r#""x\n""#),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(leaves_of(" { } "), []);
}

#[test]
fn names_with_dots_share_no_column_with_a_way() {
    let payload = r#"{"a.b": 1, "a": {"b": 2, "": 3}, "a\\": {"b": 4}, "a\\.b": 5, "": {"": 6}}"#;
    let names: Vec<String> = leaves_of(payload)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, [r"a\.b", "a.b", "a.", r"a\\.b", r"a\\\.b", "."]);
}

#[test]
fn members_of_objects_have_columns_of_their_own() {
    assert_eq!(
        text(
            &[
                "id",
                "address.city",
                "address.geo.lat",
                r"a\.b",
                "tags",
                "address"
            ],
            FLATTENED,
            &[
                r#"{"id": "1", "address": {"city": "X, Y", "geo": {"lat": 1.50}}, "tags": [ 1, {"a": 2} ], "a.b": true}"#,
                r#"{"address": {"geo": {"lat": null}}, "tags": {}}"#,
                r#"{"address": { }, "tags": []}"#,
            ]
        ),
        "id,address.city,address.geo.lat,a\\.b,tags,address\r\n\
         1,\"X, Y\",1.50,true,\"[1,{\"\"a\"\":2}]\",\r\n\
         ext_1,,,,{},\r\n\
         ext_1,,,,[],{}\r\n"
    );
}

#[test]
fn the_whole_record_is_a_last_column() {
    assert_eq!(
        text(&["a"], RAW, &[r#"{"a": "x", "b": [1, "y z"]}"#]),
        "a,_raw\r\nx,\"{\"\"a\"\":\"\"x\"\",\"\"b\"\":[1,\"\"y z\"\"]}\"\r\n"
    );
}

#[test]
fn a_field_named_like_the_raw_column_loses() {
    let payload = r#"{"_raw": "mine", "a": 1}"#;
    assert_eq!(
        text(&["_raw", "a"], RAW, &[payload]),
        "a,_raw\r\n1,\"{\"\"_raw\"\":\"\"mine\"\",\"\"a\"\":1}\"\r\n"
    );
    assert_eq!(
        text(&["_raw", "a"], CsvOptions::default(), &[payload]),
        "_raw,a\r\nmine,1\r\n"
    );
}

#[test]
fn a_refused_record_leaves_no_trace_however_it_is_laid_out() {
    for options in [
        FLATTENED,
        RAW,
        CsvOptions {
            raw: true,
            ..FLATTENED
        },
    ] {
        let mut encoder = Encoder::Csv(CsvEncoder::new(vec!["a.b".into()], options));
        samples::refuses_without_a_trace(&mut encoder);
    }
}

#[test]
fn depth_costs_no_stack() {
    let (depth, mut found) = (50_000, Vec::new());
    let deep = format!("{}7{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    leaves(&deep, |name, value| {
        found.push((name.len(), value.get().to_owned()));
    })
    .unwrap();
    assert_eq!(found, [(2 * depth - 1, "7".to_owned())]);
}

/// The leaves of a record, found another way.
fn expected_leaves(before: &str, members: &[(String, Json)]) -> Vec<(String, Json)> {
    let below = |(name, value): &(String, Json)| {
        let name = format!("{before}{}", name.replace('\\', r"\\").replace('.', r"\."));
        match value {
            Json::Object(members) if !members.is_empty() => {
                expected_leaves(&format!("{name}."), members)
            }
            value => vec![(name, value.clone())],
        }
    };
    members.iter().flat_map(below).collect()
}

fn cell_of(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::Text(text)) => text.clone(),
        Some(other) => other.spelled(Spelling::Compact),
    }
}

proptest! {
    #[test]
    fn a_reader_finds_every_leaf_and_the_whole_record(
        records in prop::collection::vec(samples::any_object(), 1..5),
        spelling in samples::any_spelling(),
    ) {
        let payloads: Vec<String> = records.iter().map(|record| record.spelled(spelling)).collect();
        let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
        let names = payloads.iter().flat_map(|payload| leaves_of(payload)).map(|(name, _)| name);
        let columns: Vec<String> = columns_of(names).into_iter().filter(|name| name != "_raw").collect();
        let header: Vec<&str> = columns.iter().map(String::as_str).collect();
        let bytes = encode(&header, CsvOptions { raw: true, ..FLATTENED }, &payloads);

        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        let read: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        prop_assert_eq!(&read[..read.len() - 1], &columns[..]);
        prop_assert_eq!(&read[read.len() - 1], "_raw");
        let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), records.len());
        for (row, record) in rows.iter().zip(&records) {
            let leaves = expected_leaves("", record.members());
            for (name, cell) in columns.iter().zip(row) {
                let value = leaves.iter().find(|(leaf, _)| leaf == name).map(|(_, value)| value);
                let expected = match value {
                    None if name == "id" => "ext_1".to_owned(),
                    value => cell_of(value),
                };
                prop_assert_eq!(cell, expected, "{}", name);
            }
            let raw = &row[row.len() - 1];
            prop_assert_eq!(raw, record.spelled(Spelling::Compact));
        }
    }
}
