#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(json: &str) -> Filter {
    Filter::parse(json, "/filter").unwrap()
}

fn faults(json: &str) -> Vec<(String, &'static str)> {
    Filter::parse(json, "/filter")
        .unwrap_err()
        .into_iter()
        .map(|fault| (fault.pointer, fault.code))
        .collect()
}

fn ask(path: &[&str], operator: Operator, operand: Operand) -> Filter {
    let field = FieldPath(path.iter().map(|part| (*part).to_owned()).collect());
    Filter::Where(Condition {
        field,
        operator,
        operand,
    })
}

fn text(text: &str) -> Operand {
    Operand::Text(text.to_owned())
}

fn time(rfc3339: &str) -> Operand {
    Operand::Time(rfc3339.parse().unwrap())
}

#[test]
fn the_ordered_example_is_two_conditions() {
    assert_eq!(
        parse(r#"{"status":"ACTIVE","createdAt":{"gte":"2025-01-01"}}"#),
        Filter::And(vec![
            ask(&["status"], Operator::Eq, text("ACTIVE")),
            ask(&["createdAt"], Operator::Gte, time("2025-01-01T00:00:00Z")),
        ])
    );
}

#[test]
fn an_empty_filter_takes_every_record() {
    assert_eq!(parse("{}"), Filter::And(vec![]));
}

#[test]
fn every_operator_reads_what_it_can_compare() {
    for (json, operator, operand) in [
        (r#"{"eq":"2025-01-01"}"#, Operator::Eq, text("2025-01-01")),
        (r#"{"eq":null}"#, Operator::Eq, Operand::Null),
        (r#"{"ne":false}"#, Operator::Ne, Operand::Bool(false)),
        (r#"{"gt":10}"#, Operator::Gt, Operand::Number("10".into())),
        (
            r#"{"gte":"2025-01-01T02:00:00+02:00"}"#,
            Operator::Gte,
            time("2025-01-01T00:00:00Z"),
        ),
        (
            r#"{"lt":"2025-01-31"}"#,
            Operator::Lt,
            time("2025-01-31T00:00:00Z"),
        ),
        (
            r#"{"lte":"2025-01-31T00:00:00Z"}"#,
            Operator::Lte,
            time("2025-01-31T00:00:00Z"),
        ),
        (
            r#"{"in":["a",1,true]}"#,
            Operator::In,
            Operand::List(vec![
                text("a"),
                Operand::Number("1".into()),
                Operand::Bool(true),
            ]),
        ),
        (
            r#"{"nin":["a"]}"#,
            Operator::Nin,
            Operand::List(vec![text("a")]),
        ),
        (r#"{"exists":true}"#, Operator::Exists, Operand::Bool(true)),
        (r#"{"contains":"%_\\"}"#, Operator::Contains, text("%_\\")),
        (r#"{"startsWith":""}"#, Operator::StartsWith, text("")),
    ] {
        assert_eq!(
            parse(&format!(r#"{{"a.b":{json}}}"#)),
            ask(&["a", "b"], operator, operand),
            "{json}"
        );
    }
}

#[test]
fn a_whole_day_is_included_by_lte_and_passed_by_gt() {
    let next = time("2025-03-01T00:00:00Z");
    assert_eq!(
        parse(r#"{"at":{"lte":"2025-02-28"}}"#),
        ask(&["at"], Operator::Lt, next.clone())
    );
    assert_eq!(
        parse(r#"{"at":{"gt":"2025-02-28"}}"#),
        ask(&["at"], Operator::Gte, next)
    );
}

#[test]
fn a_number_keeps_its_digits() {
    for number in [
        "0.1",
        "-0",
        "1.10",
        "12345678901234567890123456789012345678",
        "1e400",
        "0.30000000000000000004",
    ] {
        let filter = parse(&format!(r#"{{"total":{{"gt":{number}}}}}"#));
        assert_eq!(
            filter,
            ask(&["total"], Operator::Gt, Operand::Number(number.to_owned()))
        );
    }
}

#[test]
fn combinators_nest() {
    assert_eq!(
        parse(r#"{"or":[{"a":1},{"not":{"b":"x","c":{"gt":1,"lt":2}}}]}"#),
        Filter::Or(vec![
            ask(&["a"], Operator::Eq, Operand::Number("1".into())),
            Filter::Not(Box::new(Filter::And(vec![
                ask(&["b"], Operator::Eq, text("x")),
                Filter::And(vec![
                    ask(&["c"], Operator::Gt, Operand::Number("1".into())),
                    ask(&["c"], Operator::Lt, Operand::Number("2".into())),
                ]),
            ]))),
        ])
    );
    assert_eq!(
        parse(r#"{"and":[{"a":1}]}"#),
        Filter::And(vec![ask(&["a"], Operator::Eq, Operand::Number("1".into()))])
    );
}

#[test]
fn every_fault_is_named_at_once_with_its_place() {
    assert_eq!(
        faults(r#"{"a":{"like":"x","gt":"abc"},"or":[{"b":{"in":[]}},{"c/d~":[1]}],"e..f":1}"#),
        [
            ("/filter/a/like".to_owned(), "unknown-operator"),
            ("/filter/a/gt".to_owned(), "not-comparable"),
            ("/filter/or/0/b/in".to_owned(), "empty-filter-list"),
            ("/filter/or/1/c~1d~0".to_owned(), "not-comparable"),
            ("/filter/e..f".to_owned(), "bad-field-path"),
        ]
    );
}

#[test]
fn each_wrong_thing_has_its_own_code() {
    let long = format!(r#"{{"a":"{}"}}"#, "é".repeat(1_001));
    let many = format!(r#"{{"a":{{"in":[{}1]}}}}"#, "1,".repeat(500));
    for (json, at, code) in [
        ("[]", "", "wrong-type"),
        ("null", "", "wrong-type"),
        ("{", "", "wrong-type"),
        (r#"{"and":{}}"#, "/and", "wrong-type"),
        (r#"{"or":[1]}"#, "/or/0", "wrong-type"),
        (r#"{"not":[]}"#, "/not", "wrong-type"),
        (r#"{"and":[]}"#, "/and", "empty-filter-list"),
        (r#"{"not":{}}"#, "/not", "empty-filter"),
        (r#"{"a":{}}"#, "/a", "empty-filter"),
        (r#"{"":1}"#, "/", "bad-field-path"),
        (r#"{"a\u0000":1}"#, "/a\0", "bad-field-path"),
        (r#"{"a":"b\u0000"}"#, "/a", "not-comparable"),
        (r#"{"a":"\ud800"}"#, "/a", "not-comparable"),
        (r#"{"a":{"eq":{"b":1}}}"#, "/a/eq", "not-comparable"),
        (r#"{"a":{"EQ":1}}"#, "/a/EQ", "unknown-operator"),
        (r#"{"a":{"gt":true}}"#, "/a/gt", "not-comparable"),
        (r#"{"a":{"lt":null}}"#, "/a/lt", "not-comparable"),
        (r#"{"a":{"gte":"2025-02-30"}}"#, "/a/gte", "not-comparable"),
        (r#"{"a":{"gte":"2025-1-1"}}"#, "/a/gte", "not-comparable"),
        (r#"{"a":{"exists":1}}"#, "/a/exists", "not-comparable"),
        (r#"{"a":{"contains":1}}"#, "/a/contains", "not-comparable"),
        (
            r#"{"a":{"startsWith":null}}"#,
            "/a/startsWith",
            "not-comparable",
        ),
        (r#"{"a":{"in":"b"}}"#, "/a/in", "not-comparable"),
        (r#"{"a":{"in":["b",null]}}"#, "/a/in/1", "not-comparable"),
        (r#"{"a":{"in":[[1]]}}"#, "/a/in/0", "not-comparable"),
        (r#"{"a":1e999999}"#, "/a", "number-too-large"),
        (long.as_str(), "/a", "filter-too-large"),
        (many.as_str(), "/a/in", "filter-too-large"),
    ] {
        assert_eq!(faults(json), [(format!("/filter{at}"), code)], "{json}");
    }
}

#[test]
fn the_bounds_are_reached_but_not_crossed() {
    let nested = |levels: usize| {
        let (open, close) = (r#"{"not":"#.repeat(levels - 1), "}".repeat(levels - 1));
        format!(r#"{open}{{"a":1}}{close}"#)
    };
    parse(&nested(5));
    assert_eq!(
        faults(&nested(6)),
        [("/filter/not/not/not/not/not".to_owned(), "filter-too-deep")]
    );

    let wide = |count: usize| {
        json!({"or": (0..count).map(|n| json!({"a": n})).collect::<Vec<_>>()}).to_string()
    };
    parse(&wide(50));
    assert_eq!(
        faults(&wide(51)),
        [("/filter".to_owned(), "filter-too-large")]
    );

    parse(&format!(r#"{{"a":"{}"}}"#, "é".repeat(1_000)));
}

#[test]
fn what_looks_like_sql_stays_a_value() {
    let hostile = r#"'; DROP TABLE records; --"#;
    let filter = Filter::parse(&json!({hostile: {"eq": hostile}}).to_string(), "").unwrap();
    assert_eq!(filter, ask(&[hostile], Operator::Eq, text(hostile)));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(json in r#"[\[\]{}:,"a-c0-9.eE+-]{0,60}"#) {
        let _ = Filter::parse(&json, "/filter");
    }
}
