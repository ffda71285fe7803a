#![allow(clippy::unwrap_used, clippy::expect_used)]

mod flattened;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::formats::samples::record;
use crate::formats::{Encoder, columns_of};

fn encode(columns: &[&str], options: CsvOptions, payloads: &[&str]) -> Vec<u8> {
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    let mut encoder = Encoder::Csv(CsvEncoder::new(columns, options));
    let mut out = Vec::new();
    encoder.begin(&mut out);
    for payload in payloads {
        encoder.record(&record("ext_1", payload), &mut out).unwrap();
    }
    encoder.finish(&mut out).unwrap();
    out
}

fn file(columns: &[&str], payloads: &[&str]) -> String {
    String::from_utf8(encode(columns, CsvOptions::default(), payloads)).unwrap()
}

#[test]
fn a_record_is_a_row_of_its_values_as_spelled() {
    assert_eq!(
        file(
            &["id", "a", "b", "c", "d", "e", "f"],
            &[
                r#"{"id": "x1", "a": 1.10, "b": true, "c": null, "d": "plain", "e": 12345678901234567890.123, "f": -0}"#
            ]
        ),
        "id,a,b,c,d,e,f\r\nx1,1.10,true,,plain,12345678901234567890.123,-0\r\n"
    );
}

#[test]
fn quotes_stand_only_where_they_are_needed() {
    assert_eq!(
        file(
            &["a", "b", "c", "d"],
            &[r#"{"a":"1,2","b":"say \"hi\"","c":"two\r\nlines","d":"rest"}"#]
        ),
        "a,b,c,d\r\n\"1,2\",\"say \"\"hi\"\"\",\"two\r\nlines\",rest\r\n"
    );
}

#[test]
fn nested_values_are_compact_json() {
    assert_eq!(
        file(
            &["a", "b"],
            &[r#"{"a": {"x": [1, 2.50], "y": "a \" b\\"}, "b": [ ]}"#]
        ),
        "a,b\r\n\"{\"\"x\"\":[1,2.50],\"\"y\"\":\"\"a \\\"\" b\\\\\"\"}\",[]\r\n"
    );
}

#[test]
fn escaped_texts_are_written_as_the_characters_they_mean() {
    assert_eq!(
        file(
            &["a", "é"],
            &[r#"{"a":"\u00e9\ud83d\ude00\t","\u00e9":"ok"}"#]
        ),
        "a,é\r\né😀\t,ok\r\n"
    );
}

#[test]
fn unknown_absent_and_reordered_fields_never_shift_a_column() {
    assert_eq!(
        file(
            &["a", "b", "c"],
            &[
                r#"{"a":1,"b":2,"c":3}"#,
                r#"{"c":3,"x":9,"a":1}"#,
                r#"{"x":{"a":7},"b":2}"#,
                "{}"
            ]
        ),
        "a,b,c\r\n1,2,3\r\n1,,3\r\n,2,\r\n,,\r\n"
    );
}

#[test]
fn a_row_of_one_empty_cell_is_no_blank_line() {
    assert_eq!(
        file(&["a"], &[r#"{"a":null}"#, r#"{"a":""}"#]),
        "a\r\n\"\"\r\n\"\"\r\n"
    );
}

#[test]
fn a_record_without_id_shows_the_one_it_is_stored_under() {
    assert_eq!(
        file(&["id", "a"], &[r#"{"a":1}"#, r#"{"a":2,"id":null}"#]),
        "id,a\r\next_1,1\r\n,2\r\n"
    );
}

#[test]
fn a_column_that_no_record_has_is_empty() {
    assert_eq!(
        file(&["b", "nowhere", "a"], &[r#"{"a":1,"b":2}"#]),
        "b,nowhere,a\r\n2,,1\r\n"
    );
    assert_eq!(file(&["a", "a"], &[r#"{"a":1}"#]), "a\r\n1\r\n");
}

#[test]
fn the_header_is_sorted_with_the_id_first() {
    let header = |names: &[&str]| columns_of(names.iter().map(|name| (*name).to_owned()));
    assert_eq!(
        header(&["name", "id", "email", "name"]),
        ["id", "email", "name"]
    );
    assert_eq!(header(&["b", "Id", "a"]), ["Id", "a", "b"]);
    assert_eq!(header(&[]), ["id"]);
}

#[test]
fn formulas_are_guarded_on_request_and_numbers_never() {
    let guarded = CsvOptions {
        formulas: Formulas::Guarded,
        ..CsvOptions::default()
    };
    let payload = r#"{"a":"=1+1","b":"-5","c":-5,"d":"\tx","e":"a=b","f":"@x","g":""}"#;
    let columns = ["a", "b", "c", "d", "e", "f", "g", "=h"];
    let text = String::from_utf8(encode(&columns, guarded, &[payload])).unwrap();
    assert_eq!(text, "a,b,c,d,e,f,g,'=h\r\n'=1+1,'-5,-5,'\tx,a=b,'@x,,\r\n");
    assert!(file(&["a"], &[payload]).ends_with("\r\n=1+1\r\n"));
}

#[test]
fn a_refused_record_leaves_no_trace() {
    let mut encoder = Encoder::Csv(CsvEncoder::new(
        vec!["a".into(), "b".into()],
        CsvOptions::default(),
    ));
    let mut out = b"kept".to_vec();
    for payload in [
        "",
        "[1]",
        "7",
        r#"{"a":1"#,
        r#"{"a":1} x"#,
        r#"{"a":",","b":"\ud800"}"#,
    ] {
        let refused = encoder
            .record(&record("ext_9", payload), &mut out)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "record \"ext_9\" is not a readable JSON object"
        );
        assert_eq!(out, b"kept", "{payload}");
    }
    encoder
        .record(&record("ext_9", r#"{"a":1,"b":2}"#), &mut out)
        .unwrap();
    assert_eq!(out, b"kept1,2\r\n");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\",\r\n'=;\t \\\\é😀a]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"]{1,2}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What a reader must find in the cell of this value.
fn cell_of(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

proptest! {
    #[test]
    fn a_reader_finds_what_went_in(
        records in prop::collection::vec(
            prop::collection::btree_map("[a-f,\"\n é]{1,2}", any_value(), 0..6), 1..6),
        dropped in 0_usize..3,
        pretty in any::<bool>(),
    ) {
        let records: Vec<Map<String, Value>> =
            records.into_iter().map(|fields| fields.into_iter().collect()).collect();
        let mut columns = columns_of(records.iter().flat_map(|fields| fields.keys().cloned()));
        // A header that does not know every field.
        columns.truncate(columns.len().saturating_sub(dropped).max(1));
        let payloads: Vec<String> = records
            .iter()
            .map(|fields| {
                let object = json!(fields);
                if pretty { serde_json::to_string_pretty(&object).unwrap() } else { object.to_string() }
            })
            .collect();
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
        let bytes = encode(&names, CsvOptions::default(), &payloads);

        let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
        prop_assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), names);
        let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), records.len());
        for (row, fields) in rows.iter().zip(&records) {
            for (name, cell) in columns.iter().zip(row) {
                let expected = match fields.get(name) {
                    None if name == "id" => "ext_1".to_owned(),
                    value => cell_of(value),
                };
                prop_assert_eq!(cell, expected);
            }
        }
    }
}
