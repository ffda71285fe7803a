//! Records that break careless writers, for the tests of all formats.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::sample::select;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Encoder, Field, RecordView, Survey};

const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    " around ",
    "say \"hi\", it's",
    "two\r\nlines\rthree\n",
    "nul\u{0}byte",
    "tab\tand\u{1}\u{8}\u{b}\u{c}\u{1f}",
    "\u{7f}\u{85}\u{2028}\u{feff}\u{fffd}",
    "\u{fffe}\u{ffff}",
    "<a b='c'>&amp;</a>]]>",
    "_x000D_ _X000d_ _x0041 _x0041_x0042_",
    "_x0041\u{1}_\u{1}x0041_",
    "_x0001F600_ __x_",
    "\\ \\n \\u0041",
    "=1+1",
    "ｆｕｌｌ",
    "😀👩‍🌾",
    "שלום‏ العربية",
    "null",
    "1.50",
];

const NAMES: &[&str] = &[
    "",
    "id",
    "_raw",
    "item",
    "record",
    "records",
    "type",
    "__proto__",
    "_x_",
    "_X_",
    "_x0041_",
    "_x0041",
    "_x0041\u{1}",
    "xml",
    "XmLns",
    "xsi:nil",
    "a:b",
    "1st",
    "-a",
    ".",
    "a.b",
    "a\\.b",
    "a\\",
    "two words",
    "größe",
    "名前",
    "😀",
    "\"<&>'",
    "\n",
    "e\u{301}",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1.50",
    "-0.0000001",
    "12345678901234567890123456789012345678",
    "1234567890123456789.0123456789012345678",
    "1e400",
    "-1.5E-7",
];

/// A JSON value whose numbers are as they were spelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Where blanks stand.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spelling {
    Compact,
    /// As Postgres spells a `jsonb`.
    Postgres,
    Lines,
}

impl Json {
    pub(super) fn read(text: &str) -> Self {
        match text.trim_start().as_bytes()[0] {
            b'n' => Self::Null,
            b't' | b'f' => Self::Boolean(serde_json::from_str(text).unwrap()),
            b'"' => Self::Text(serde_json::from_str(text).unwrap()),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).unwrap();
                Self::Array(items.iter().map(|item| Self::read(item.get())).collect())
            }
            b'{' => {
                let mut reader = serde_json::Deserializer::from_str(text);
                let members = reader.deserialize_map(Members).unwrap();
                reader.end().unwrap();
                Self::Object(members)
            }
            _ => {
                let number: &RawValue = serde_json::from_str(text).unwrap();
                Self::Number(number.get().to_owned())
            }
        }
    }

    pub(super) fn spelled(&self, spelling: Spelling) -> String {
        let (comma, colon) = match spelling {
            Spelling::Compact => (",", ":"),
            Spelling::Postgres => (", ", ": "),
            Spelling::Lines => (",\r\n\t", " :\n"),
        };
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Number(number) => number.clone(),
            Self::Text(text) => serde_json::to_string(text).unwrap(),
            Self::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| item.spelled(spelling)).collect();
                format!("[{}]", items.join(comma))
            }
            Self::Object(members) => {
                let member = |(name, value): &(String, Self)| {
                    let name = serde_json::to_string(name).unwrap();
                    format!("{name}{colon}{}", value.spelled(spelling))
                };
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(comma))
            }
        }
    }

    pub(super) fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => panic!("no object: {self:?}"),
        }
    }

    /// This object with these members only, in this order.
    pub(super) fn only(&self, names: &[String]) -> Self {
        let members: HashMap<_, _> = self.members().iter().cloned().collect();
        let member = |name: &String| Some((name.clone(), members.get(name)?.clone()));
        Self::Object(names.iter().filter_map(member).collect())
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Json)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            members.push((name, Json::read(value.get())));
        }
        Ok(members)
    }
}

pub(super) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(TEXTS).prop_map(str::to_owned),
        any::<String>(),
        "[<>&\"'_xX0-9A-F\\]\r\n\t\u{1}\\\\a]{0,16}",
    ]
}

pub(super) fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-d]{1,2}",
        2 => select(NAMES).prop_map(str::to_owned),
        1 => "[._xX0-9A-F:\\\\a\u{1}é]{0,9}",
        1 => any::<String>(),
    ]
}

fn any_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Boolean),
        select(NUMBERS).prop_map(|number| Json::Number(number.to_owned())),
        "-?(0|[1-9][0-9]{0,38})(\\.[0-9]{1,20})?".prop_map(Json::Number),
        any_text().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::hash_map(any_name(), inner, 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Some object; no two of its members share a name.
pub(super) fn any_object() -> impl Strategy<Value = Json> {
    prop::collection::hash_map(any_name(), any_value(), 0..6)
        .prop_map(|members| Json::Object(members.into_iter().collect()))
}

pub(super) fn any_spelling() -> impl Strategy<Value = Spelling> {
    select(&[Spelling::Compact, Spelling::Postgres, Spelling::Lines][..])
}

/// Names to choose fields by: some are in the records, some are not.
pub(super) fn any_choice() -> impl Strategy<Value = Option<Vec<String>>> {
    let names = prop::collection::hash_set(any_name(), 0..8);
    prop::option::of(names.prop_map(|names| names.into_iter().collect()))
}

pub(super) fn record<'a>(external_id: &'a str, payload: &'a str) -> RecordView<'a> {
    RecordView {
        external_id,
        payload,
    }
}

/// What a survey of these records tells.
pub(super) fn survey<P: AsRef<str>>(payloads: &[P]) -> Vec<Field> {
    let mut survey = Survey::new();
    for payload in payloads {
        survey.record(&record("ext_1", payload.as_ref())).unwrap();
    }
    survey.fields()
}

/// The whole file of these records.
pub(super) fn file<P: AsRef<str>>(mut encoder: Encoder, payloads: &[P]) -> String {
    let mut out = Vec::new();
    encoder.begin(&mut out);
    for payload in payloads {
        encoder
            .record(&record("ext_1", payload.as_ref()), &mut out)
            .unwrap();
    }
    encoder.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The same, of records that a survey has read.
pub(super) fn file_of_surveyed<P: AsRef<str>>(mut encoder: Encoder, payloads: &[P]) -> String {
    let mut survey = Survey::knowing(encoder.columns().to_vec());
    let mut out = Vec::new();
    encoder.begin(&mut out);
    for payload in payloads {
        let record = record("ext_1", payload.as_ref());
        let values = survey.record(&record).unwrap();
        encoder
            .row(&record, survey.names(), &values, &mut out)
            .unwrap();
    }
    encoder.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// An object that is nested deeper than any stack is: in objects and in arrays.
pub(super) fn deep() -> String {
    let depth = 50_000;
    format!("{}7{}", "{\"a\":[".repeat(depth), "]}".repeat(depth))
}

pub(super) const NO_OBJECTS: &[&str] = &[
    "",
    "7",
    "null",
    "[1]",
    "[{}]",
    "\"{}\"",
    "{",
    r#"{"a":1"#,
    r#"{"a":1} x"#,
    r#"{"a":1}{}"#,
    r#"{"a":01}"#,
    r#"{"a":"\"#,
    r#"{a:1}"#,
];

/// Holds an encoder, of which nothing is written yet, to the promise about records that it refuses.
pub(super) fn refuses_without_a_trace(encoder: &mut Encoder) {
    let mut out = b"kept".to_vec();
    for payload in NO_OBJECTS {
        let refused = encoder
            .record(&record("ext_9", payload), &mut out)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "record \"ext_9\" is not a readable JSON object"
        );
        assert_eq!(out, b"kept", "{payload}");
    }
}
