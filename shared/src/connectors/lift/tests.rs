use super::*;
use proptest::prelude::*;

fn pointer(text: &str) -> Pointer {
    Pointer::try_from(text.to_owned()).unwrap()
}

#[test]
fn values_are_lifted_from_any_depth_in_one_go() {
    let json = r#" {"a": {"b": {"c": 1.50}, "d": "x"}, "e": [1, 2], "f/g": null} "#;
    let wanted = ["/a/b/c", "/a/d", "/e", "/f~1g", "/a/b", "/none", "/e/x", ""].map(pointer);
    let found = lift(json, wanted.each_ref().map(Some)).unwrap();
    assert_eq!(
        found,
        [
            Some("1.50"),
            Some("\"x\""),
            Some("[1, 2]"),
            Some("null"),
            Some("{\"c\": 1.50}"),
            None,
            None,
            Some(json.trim())
        ]
    );
}

#[test]
fn values_are_lifted_from_members_as_they_are_from_the_whole() {
    for json in [
        r#"{"a": {"b": {"c": 1.50}, "d": "x"}, "e": [1, 2], "f/g": null}"#,
        r#"{"a":1,"e":2,"a":{"d":3}}"#,
        r#"{"a":{"d":3},"a":1}"#,
        r#"{"\u0061":{"d":4},"f\/g":5}"#,
        "[1]",
        "7",
    ] {
        let wanted = ["/a/b/c", "/a/d", "/e", "/f~1g", "/none", "/e/x", ""].map(pointer);
        let wanted = wanted.each_ref().map(Some);
        let mut members = Members::new(wanted);
        crate::domain::fingerprint_showing(json, |key, value| members.see(key, value)).unwrap();
        assert_eq!(
            members.lifted(json).unwrap(),
            lift(json, wanted).unwrap(),
            "{json}"
        );
    }
}

#[test]
fn an_answer_is_taken_apart_in_one_pass() {
    let (data, more) = (pointer("/r/data"), pointer("/more"));
    let elements = |json| open(json, &data, [Some(&more)]).unwrap();
    let opened = elements(r#"{"r": {"data": [ {"a": 1} , "b",[2]], "x": 1}, "more": true}"#);
    assert_eq!(opened.elements, Some(vec![r#"{"a": 1}"#, "\"b\"", "[2]"]));
    assert_eq!(opened.told, [Some("true")]);
    assert_eq!(elements(r#"{"r": {"data": []}}"#).elements, Some(vec![]));
    for none in [
        "[]",
        "1.5",
        r#"{"r": []}"#,
        r#"{"r": {"data": null}}"#,
        r#"{"r": {"data": {"a": [1]}}}"#,
        r#"{"r": {"data": "[1]"}}"#,
        r#"{"r": {"data": [1]}, "r": {"data": 2}}"#,
        r#"{"r": {"data": [1]}, "r": 2}"#,
    ] {
        assert_eq!(elements(none).elements, None, "{none}");
    }
    let root = open("[1, 2]", &pointer(""), [None]).unwrap();
    assert_eq!(root.elements, Some(vec!["1", "2"]));
    let both = open(r#"{"a": [1]}"#, &pointer("/a"), [Some(&pointer("/a"))]).unwrap();
    assert_eq!((both.elements, both.told), (Some(vec!["1"]), [Some("[1]")]));
    assert!(open("[1] x", &data, [None]).is_err());
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts_as_in_postgres() {
    let id = pointer("/a/id");
    for (json, last) in [
        (r#"{"a":{"id":1},"a":{"id":2}}"#, Some("2")),
        (r#"{"a":{"id":1,"id":3}}"#, Some("3")),
        (r#"{"a":{"id":1},"a":5}"#, None),
        (r#"{"\u0061":{"id":7}}"#, Some("7")),
    ] {
        assert_eq!(lift(json, [Some(&id)]).unwrap(), [last], "{json}");
    }
}

#[test]
fn only_strings_and_whole_numbers_are_words() {
    for (json, expected) in [
        ("\"cus_1\"", Some("cus_1")),
        (r#""\u0063us""#, Some("cus")),
        ("42", Some("42")),
        ("-7", Some("-7")),
        ("4.2", None),
        ("1e3", None),
        ("true", None),
        ("null", None),
        ("\"\"", None),
        ("{}", None),
    ] {
        assert_eq!(word(json).as_deref(), expected, "{json}");
    }
}

proptest! {
    #[test]
    fn lifting_never_panics_and_agrees_with_a_tree(json in "[\\[\\]{}\",:a01 ]{0,40}") {
        let at = pointer("/a/a");
        let lifted = lift(&json, [Some(&at)]);
        if let Ok(tree) = serde_json::from_str::<serde_json::Value>(&json) {
            let value = lifted.unwrap()[0].map(|text| serde_json::from_str(text).unwrap());
            // A tree's pointer goes through arrays too; "a" is no index, so the two agree.
            prop_assert_eq!(value.as_ref(), tree.pointer("/a/a"));
        } else {
            prop_assert!(lifted.is_err());
        }
    }
}
