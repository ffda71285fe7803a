use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn of(json: &str) -> Result<Fingerprint, Unstorable> {
    fingerprint(json.as_bytes())
}

#[test]
fn the_order_of_keys_and_white_space_do_not_matter() {
    assert_eq!(
        of(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#),
        of("{ \"b\": {\"d\":null,\n\"c\":[ 1 ,2]}, \"a\":1 }")
    );
}

#[test]
fn the_order_of_an_array_a_moved_value_and_the_last_digit_do_matter() {
    for (a, b) in [
        ("[1,2]", "[2,1]"),
        (r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#),
        (r#"{"a":[]}"#, r#"{"a":{}}"#),
        ("12345678901234567890.01", "12345678901234567890.02"),
        (r#"{"a":"1"}"#, r#"{"a":1}"#),
        (r#"[[1],[2]]"#, r#"[[1,2]]"#),
        (r#"{"a":{"b":1}}"#, r#"{"b":{"a":1}}"#),
        ("[null]", "[]"),
    ] {
        assert_ne!(of(a).unwrap(), of(b).unwrap(), "{a} {b}");
    }
}

#[test]
fn white_space_within_a_member_changes_nothing() {
    assert_eq!(of(r#"{"a":"b"}"#), of("{\"a\" :\t\"b\"}"));
    assert_ne!(of(r#"{"a":"b"}"#), of(r#"{"a":"b "}"#));
}

#[test]
fn the_members_of_the_outermost_object_are_shown_and_no_others() {
    let shown = |json| {
        let mut members = Vec::new();
        fingerprint_showing(json, |key, value| members.push((key, value))).unwrap();
        members
    };
    assert_eq!(
        shown(r#" { "a" : {"b":1} , "\u0063":[2 ,{"d":3}],"":"" }"#),
        [
            (r#""a""#, r#"{"b":1}"#),
            (r#""\u0063""#, r#"[2 ,{"d":3}]"#),
            (r#""""#, r#""""#)
        ]
    );
    assert_eq!(shown(r#"[{"a":1}]"#), []);
}

#[test]
fn a_character_is_found_wherever_it_stands_among_others() {
    for length in 0..40 {
        let plain = "ä".repeat(length / 2) + &"x".repeat(length % 2);
        assert!(of(&format!("\"{plain}\"")).is_ok());
        assert_eq!(of(&format!("\"{plain}\u{1f}\"")), Err(Unstorable::NotJson));
        assert_eq!(
            of(&format!("\"{plain}\\u0000 x\"")),
            Err(Unstorable::NulCharacter)
        );
        assert_eq!(of(&format!("\"{plain}")), Err(Unstorable::NotJson));
    }
}

#[test]
fn what_postgres_cannot_hold_is_named() {
    assert_eq!(of(r#"{"a":"x\u0000"}"#), Err(Unstorable::NulCharacter));
    assert_eq!(of(r#"["\ud83d"]"#), Err(Unstorable::LoneSurrogate));
    assert_eq!(of(r#"["\ude00"]"#), Err(Unstorable::LoneSurrogate));
    assert!(of(r#"["\ud83d\ude00 \\u0000"]"#).is_ok());
    assert_eq!(of("1e200000"), Err(Unstorable::NumberTooLarge));
    assert_eq!(of(&"[".repeat(200)), Err(Unstorable::TooDeep));
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(of(&nested(128)).is_ok());
    assert_eq!(of(&nested(129)), Err(Unstorable::TooDeep));
    assert!(of("[1e10,true,false]").is_ok());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[^\u{0}]*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[^\u{0}]{0,8}", inner, 0..6).prop_map(Value::from_iter),
        ]
    })
}

/// A text that is JSON but for one character, or is made of the characters that JSON is made of.
fn nearly_json() -> impl Strategy<Value = String> {
    const ODD: &str = r#"[{}\[\]",:\\\-+.0-9eEtrufalsn \t\x01]"#;
    let spoilt = (any_json(), any::<prop::sample::Index>(), ODD).prop_map(|(json, at, odd)| {
        let mut letters: Vec<char> = json.to_string().chars().collect();
        let at = at.index(letters.len());
        letters[at] = odd.chars().next().unwrap();
        String::from_iter(letters)
    });
    prop_oneof![
        spoilt,
        prop::collection::vec(ODD, 0..12).prop_map(|soup| soup.concat())
    ]
}

proptest! {
    #[test]
    fn what_is_no_json_is_found_out_and_nothing_else(text in nearly_json()) {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        match of(&text) {
            Ok(_) => prop_assert!(is_json, "{text}"),
            Err(Unstorable::NotJson) => prop_assert!(!is_json, "{text}"),
            Err(_) => {}
        }
    }

    #[test]
    fn pretty_printing_changes_nothing_and_only_equal_values_agree(a in any_json(), b in any_json()) {
        let (plain, pretty) = (a.to_string(), serde_json::to_string_pretty(&a).unwrap());
        prop_assert_eq!(of(&plain), of(&pretty));
        prop_assert_eq!(of(&plain) == of(&b.to_string()), a == b);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = fingerprint(&bytes);
    }
}
