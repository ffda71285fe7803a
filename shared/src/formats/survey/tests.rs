#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;

use super::*;
use crate::formats::samples::{self, survey};

fn record(payload: &str) -> RecordView<'_> {
    samples::record("ext_1", payload)
}

/// The kind of a field that has these values.
fn kind(values: &[&str]) -> Kind {
    let payloads: Vec<String> = values.iter().map(|it| format!(r#"{{"f":{it}}}"#)).collect();
    let fields = survey(&payloads);
    assert_eq!(fields.len(), 1);
    fields[0].kind
}

fn decimal(precision: u8, scale: u8) -> Kind {
    Kind::Decimal { precision, scale }
}

#[test]
fn a_field_of_one_kind_is_of_that_kind() {
    assert_eq!(kind(&["true", "false", "null"]), Kind::Boolean);
    assert_eq!(kind(&["1", "-7"]), Kind::Integer);
    assert_eq!(kind(&["1.5", "-7.25"]), decimal(3, 2));
    assert_eq!(kind(&[r#""2024-02-29""#]), Kind::Date);
    assert_eq!(kind(&[r#""2024-02-29T10:00:00Z""#]), Kind::Timestamp);
    assert_eq!(kind(&[r#""plain""#, r#""""#]), Kind::Text);
    assert_eq!(kind(&["{}", "[1]"]), Kind::Json);
    assert_eq!(kind(&["null", "null"]), Kind::Text);
}

#[test]
fn integers_end_where_64_bits_do() {
    let (most, least) = (i64::MAX.to_string(), i64::MIN.to_string());
    assert_eq!(kind(&[&most, &least, "0", "-0"]), Kind::Integer);
    assert_eq!(kind(&["9223372036854775808"]), decimal(19, 0));
    assert_eq!(kind(&["-9223372036854775809", "1"]), decimal(19, 0));
    assert_eq!(kind(&["100000000000000000000"]), decimal(21, 0));
}

#[test]
fn decimals_have_room_for_every_digit_or_are_texts() {
    assert_eq!(kind(&["0.05"]), decimal(2, 2));
    assert_eq!(kind(&["1.50", "20"]), decimal(4, 2));
    assert_eq!(kind(&["123456", "0.0001"]), decimal(10, 4));
    let long = "9".repeat(38);
    assert_eq!(kind(&[&long]), decimal(38, 0));
    // Each fits, but nothing fits both.
    assert_eq!(kind(&[&long, "0.1"]), Kind::Text);
    assert_eq!(kind(&["9".repeat(39).as_str()]), Kind::Text);
    assert_eq!(
        kind(&[format!("1{}", "0".repeat(400)).as_str()]),
        Kind::Text
    );
    assert_eq!(kind(&["1e5"]), Kind::Text);
}

#[test]
fn scalars_of_several_kinds_are_texts_and_with_nested_ones_json() {
    assert_eq!(kind(&["1", r#""a""#]), Kind::Text);
    assert_eq!(kind(&["1", "true"]), Kind::Text);
    assert_eq!(kind(&["1", r#""2024-01-01""#]), Kind::Text);
    assert_eq!(
        kind(&[r#""2024-01-01""#, r#""2024-01-01T00:00:00Z""#]),
        Kind::Text
    );
    assert_eq!(kind(&[r#""2024-01-01""#, r#""""#]), Kind::Text);
    assert_eq!(kind(&["1", "[]"]), Kind::Json);
    assert_eq!(kind(&["{}", r#""a""#, "null"]), Kind::Json);
}

#[test]
fn it_is_told_where_a_value_is_null_or_missing() {
    let fields = survey(&[
        r#"{"id":1,"a":1,"b":null,"c":1}"#,
        r#"{"id":2,"a":1,"b":1}"#,
    ]);
    let told: Vec<_> = fields
        .iter()
        .map(|it| (it.name.as_str(), it.has_nulls, it.is_sparse))
        .collect();
    assert_eq!(
        told,
        [
            ("id", false, false),
            ("a", false, false),
            ("b", true, false),
            ("c", false, true)
        ]
    );
}

#[test]
fn the_id_stands_first_and_the_others_by_name() {
    let fields = survey(&[r#"{"b":1,"":2,"id":3,"Id":4}"#, r#"{"a":1,"__proto__":2}"#]);
    let names: Vec<&str> = fields.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["id", "", "Id", "__proto__", "a", "b"]);
}

#[test]
fn where_nothing_was_seen_there_is_an_id() {
    for fields in [survey::<&str>(&[]), survey(&["{}"])] {
        assert_eq!(fields.len(), 1);
        assert_eq!(
            (fields[0].name.as_str(), fields[0].kind),
            ("id", Kind::Text)
        );
    }
}

#[test]
fn an_id_that_stands_in_counts_as_a_value() {
    let fields = survey(&[r#"{"id":1}"#, "{}"]);
    assert_eq!((fields[0].kind, fields[0].is_sparse), (Kind::Text, true));
    let fields = survey(&[r#"{"a":1}"#, r#"{"id":1}"#]);
    assert_eq!(fields[0].kind, Kind::Text);
    let fields = survey(&[r#"{"id":1}"#, r#"{"id":null}"#]);
    assert_eq!((fields[0].kind, fields[0].has_nulls), (Kind::Integer, true));
}

#[test]
fn members_of_objects_are_fields_where_these_are_flattened() {
    let mut survey = Survey::new().with_nested(Nested::Flattened);
    for payload in [
        r#"{"a":{"b":1,"c":2.5},"d":1,"d":2}"#,
        r#"{"a":{"b":3},"d":{}}"#,
    ] {
        survey.record(&record(payload)).unwrap();
    }
    let told: Vec<_> = survey
        .fields()
        .into_iter()
        .map(|it| (it.name, it.kind, it.is_sparse))
        .collect();
    assert_eq!(
        told,
        [
            ("a.b".to_owned(), Kind::Integer, false),
            ("a.c".to_owned(), decimal(2, 1), true),
            ("d".to_owned(), Kind::Json, false),
        ]
    );
}

#[test]
fn what_was_seen_outlives_another_order() {
    let mut survey = Survey::new();
    survey.record(&record(r#"{"b":1,"c":"x"}"#)).unwrap();
    let mut arranged = survey.arranged(&["a".to_owned(), "c".to_owned()]);
    let values = arranged.record(&record(r#"{"b":2.5,"d":1,"a":true}"#));
    let values: Vec<_> = values
        .unwrap()
        .iter()
        .map(|it| it.map(RawValue::get))
        .collect();
    assert_eq!(values, [Some("true"), None, Some("2.5"), Some("1")]);
    let told: Vec<_> = arranged
        .fields()
        .into_iter()
        .map(|it| (it.name, it.kind, it.is_sparse))
        .collect();
    assert_eq!(
        told,
        [
            ("a".to_owned(), Kind::Boolean, true),
            ("b".to_owned(), decimal(2, 1), false),
            ("c".to_owned(), Kind::Text, true),
            ("d".to_owned(), Kind::Integer, true),
        ]
    );
}

#[test]
fn news_is_what_no_record_told_before() {
    let mut survey = Survey::new();
    let mut is_news = |payload: &str| {
        survey.record(&record(payload)).unwrap();
        survey.take_news()
    };
    assert!(is_news(r#"{"id":"a","n":1.5}"#));
    assert!(!is_news(r#"{"n":2.5,"id":"b"}"#));
    assert!(!is_news(r#"{"id":"b"}"#));
    assert!(is_news(r#"{"id":"c","n":10.5}"#));
    assert!(is_news(r#"{"id":"d","n":null}"#));
    assert!(is_news(r#"{"id":"e","more":1}"#));
    assert!(is_news(r#"{"n":1.5}"#));
    assert!(!is_news(r#"{"n":1.5}"#));
}

#[test]
fn an_id_that_lacks_a_value_has_another_column() {
    let all = survey(&[r#"{"id":1,"a":1}"#, r#"{"id":2}"#]);
    let some = survey(&[r#"{"id":1,"a":null}"#, r#"{"id":null}"#]);
    assert!(!all[0].has_column_of(&some[0]));
    assert!(
        !all[1].has_column_of(&some[1]),
        "what it holds is not known"
    );
    assert!(all[0].has_column_of(&all[0]));
    assert!(!all[0].has_column_of(&all[1]));
}

#[test]
fn more_fields_than_a_file_can_have_are_refused() {
    let members: Vec<String> = (0..5_000).map(|n| format!(r#""f{n}":1"#)).collect();
    let payload = format!("{{{}}}", members.join(","));
    let mut survey = Survey::new();
    survey.record(&record(&payload)).unwrap();
    assert_eq!(survey.fields().len(), 5_000);
    let refused = survey.record(&record(r#"{"one more":1}"#)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the records have more than 5000 different fields"
    );
    survey.record(&record(r#"{"id":1}"#)).unwrap_err();
}

#[test]
fn what_is_no_object_is_refused() {
    let mut survey = Survey::new();
    for payload in ["", "[1]", r#"{"a":1"#, r#"{"a":1} x"#] {
        let refused = survey.record(&record(payload)).unwrap_err();
        assert!(matches!(refused, FormatError::Payload { .. }), "{payload}");
    }
    assert_eq!(survey.records(), 0);
}

#[test]
fn a_manifest_shows_fields_so() {
    let mut fields = survey(&[r#"{"id":1,"amount":12345678.90,"at":"2024-01-01T00:00:00Z"}"#]);
    fields[1].has_nulls = true;
    assert_eq!(
        json!(fields),
        json!([
            {"name": "id", "type": "INTEGER", "nullable": false},
            {"name": "amount", "type": "DECIMAL", "precision": 10, "scale": 2, "nullable": true},
            {"name": "at", "type": "TIMESTAMP", "nullable": false},
        ])
    );
    let names =
        [Kind::Boolean, Kind::Date, Kind::Text, Kind::Json].map(|kind| json!(kind)["type"].clone());
    assert_eq!(names, ["BOOLEAN", "DATE", "TEXT", "JSON"]);
}

proptest! {
    #[test]
    fn the_order_of_records_and_fields_makes_no_difference(
        records in prop::collection::vec(
            prop::collection::vec(("[a-d]|id", "[0-9]|[1-9]\\.[0-9]{1,3}|true|null|\"x?\"|\\[\\]"), 0..6), 1..6),
    ) {
        let written = |records: &[Vec<(String, String)>]| -> Vec<String> {
            records
                .iter()
                .map(|fields| {
                    let members: Vec<String> =
                        fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                    format!("{{{}}}", members.join(","))
                })
                .collect()
        };
        let mut unique = records;
        for fields in &mut unique {
            fields.sort();
            fields.dedup_by(|a, b| a.0 == b.0);
        }
        let there = survey(&written(&unique));
        unique.reverse();
        for fields in &mut unique {
            fields.reverse();
        }
        prop_assert_eq!(survey(&written(&unique)), there);
    }
}

#[test]
fn fields_that_are_named_are_learnt_however_many_others_there_are() {
    let many = |from: usize| -> String {
        let members = (from..from + 4_000).map(|n| format!(r#""f{n}":1"#));
        let members: Vec<String> = members.collect();
        format!(r#"{{"wanted":1.5,{}}}"#, members.join(","))
    };
    let mut all = Survey::new();
    all.record(&record(&many(0))).unwrap();
    let refused = all.record(&record(&many(4_000))).unwrap_err();
    assert!(matches!(refused, FormatError::TooManyFields { .. }));

    let mut named = Survey::of(vec!["wanted".to_owned(), "never".to_owned()]);
    for from in [0, 4_000] {
        named.record(&record(&many(from))).unwrap();
    }
    let fields = named.fields();
    let told: Vec<(&str, Kind, bool)> = fields
        .iter()
        .map(|it| (it.name.as_str(), it.kind, it.is_nullable()))
        .collect();
    assert_eq!(
        told,
        [
            ("never", Kind::Text, true),
            ("wanted", decimal(2, 1), false)
        ]
    );
}
