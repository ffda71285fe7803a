#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::formats::Encoder;
use crate::formats::samples::{self, Json};

fn file(layout: JsonLayout, fields: Option<&[&str]>, payloads: &[&str]) -> String {
    let fields = fields.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    samples::file(Encoder::Json(JsonEncoder::new(layout, fields)), payloads)
}

#[test]
fn an_array_has_a_record_on_each_line() {
    assert_eq!(
        file(JsonLayout::Array, None, &[r#"{"a": 1}"#, r#"{"a": 2}"#]),
        "[\n{\"a\": 1},\n{\"a\": 2}\n]\n"
    );
    assert_eq!(file(JsonLayout::Array, None, &["{}"]), "[\n{}\n]\n");
}

#[test]
fn an_array_of_no_records_is_empty() {
    assert_eq!(file(JsonLayout::Array, None, &[]), "[]\n");
}

#[test]
fn lines_are_records_and_nothing_else() {
    assert_eq!(
        file(JsonLayout::Lines, None, &[r#"{"a": 1}"#, "{}"]),
        "{\"a\": 1}\n{}\n"
    );
    assert_eq!(file(JsonLayout::Lines, None, &[]), "");
}

#[test]
fn records_are_written_as_they_are_spelled() {
    let spelled = r#"{"n": 1.50, "m": -0, "big": 12345678901234567890123456789012345678.10, "e": 1e400, "t": "\u00e9\/"}"#;
    assert_eq!(
        file(JsonLayout::Lines, None, &[spelled]),
        format!("{spelled}\n")
    );
}

#[test]
fn a_record_of_many_lines_becomes_one() {
    let payload = "{\n  \"a b\": \"c  d\\n\",\r\n  \"e\": [1, 2]\n}\n";
    for fields in [None, Some(&["a b", "e"][..])] {
        let text = file(JsonLayout::Lines, fields, &[payload]);
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, serde_json::json!({"a b": "c  d\n", "e": [1, 2]}));
    }
}

#[test]
fn chosen_fields_come_in_their_order_absent_or_null_as_they_are() {
    assert_eq!(
        file(
            JsonLayout::Lines,
            Some(&["b", "\"q\"", "a", "b", "none"]),
            &[
                r#"{"a": 1.0, "b": null, "c": 3, "\"q\"": {"b": [1, 2]}}"#,
                r#"{"a": 2}"#,
                r#"{"c": {"a": 1}}"#
            ]
        ),
        "{\"b\": null, \"\\\"q\\\"\": {\"b\": [1, 2]}, \"a\": 1.0}\n{\"a\": 2}\n{}\n"
    );
}

#[test]
fn a_refused_record_leaves_no_trace() {
    for fields in [None, Some(vec!["a".to_owned()])] {
        let mut encoder = Encoder::Json(JsonEncoder::new(JsonLayout::Array, fields));
        samples::refuses_without_a_trace(&mut encoder);
        let mut out = Vec::new();
        let record = samples::record("ext_9", r#"{"a": 1}"#);
        encoder.record(&record, &mut out).unwrap();
        encoder.finish(&mut out).unwrap();
        assert_eq!(out, b"\n{\"a\": 1}\n]\n");
    }
}

#[test]
fn depth_costs_no_stack() {
    let deep = samples::deep();
    let text = file(JsonLayout::Lines, Some(&["a"]), &[&deep]);
    assert_eq!(text.replace([' ', '\n'], ""), deep);
}

proptest! {
    #[test]
    fn a_reader_finds_what_went_in(
        records in prop::collection::vec(samples::any_object(), 0..5),
        spelling in samples::any_spelling(),
        fields in samples::any_choice(),
    ) {
        let payloads: Vec<String> = records.iter().map(|record| record.spelled(spelling)).collect();
        let expected: Vec<Json> = records
            .iter()
            .map(|record| match &fields {
                Some(names) => record.only(names),
                None => record.clone(),
            })
            .collect();
        let write = |layout| {
            samples::file(Encoder::Json(JsonEncoder::new(layout, fields.clone())), &payloads)
        };

        let array = write(JsonLayout::Array);
        let read: Vec<&RawValue> = serde_json::from_str(&array).unwrap();
        let read: Vec<Json> = read.iter().map(|record| Json::read(record.get())).collect();
        prop_assert_eq!(&read, &expected);
        prop_assert_eq!(array.lines().count(), if records.is_empty() { 1 } else { records.len() + 2 });

        let lines = write(JsonLayout::Lines);
        let read: Vec<Json> = lines.split_terminator('\n').map(Json::read).collect();
        prop_assert_eq!(&read, &expected);
    }
}
