//! Reads our XML by its documented rules, with a library that did not write it.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::formats::samples::Json;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) entity: String,
    /// Ids and records.
    pub(super) records: Vec<(String, Json)>,
}

pub(super) fn read(xml: &str) -> Read {
    let mut reader = Reader::from_str(xml);
    assert!(matches!(reader.read_event().unwrap(), Event::Decl(_)));
    let (mut entity, mut records) = (None, Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) if entity.is_none() => {
                assert_eq!(tag.name().as_ref(), b"records");
                entity = Some(attribute(&tag, "entity").unwrap());
            }
            Event::Start(tag) => {
                assert_eq!(tag.name().as_ref(), b"record");
                let id = attribute(&tag, "id").unwrap();
                records.push((id, Json::Object(inside(&mut reader).members)));
            }
            Event::Text(text) => assert_eq!(text.xml10_content().unwrap(), "\n"),
            Event::End(_) => {}
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    Read {
        entity: entity.unwrap(),
        records,
    }
}

#[derive(Default)]
struct Inside {
    text: String,
    members: Vec<(String, Json)>,
}

/// What stands before the end of the element that has begun.
fn inside(reader: &mut Reader<&[u8]>) -> Inside {
    let mut inside = Inside::default();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                let within = self::inside(reader);
                inside.members.push((name(&tag), value(&tag, within)));
            }
            Event::Empty(tag) => {
                assert_eq!(attribute(&tag, "xsi:nil").as_deref(), Some("true"));
                inside.members.push((name(&tag), Json::Null));
            }
            Event::Text(piece) => inside.text.push_str(&piece.xml10_content().unwrap()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().unwrap() {
                Some(character) => inside.text.push(character),
                None => {
                    let name = reference.decode().unwrap();
                    inside
                        .text
                        .push_str(resolve_predefined_entity(&name).unwrap());
                }
            },
            Event::End(_) => return inside,
            other => panic!("{other:?}"),
        }
    }
}

fn value(tag: &BytesStart<'_>, inside: Inside) -> Json {
    let kind = attribute(tag, "type");
    if matches!(kind.as_deref(), Some("object" | "array")) {
        assert_eq!(inside.text, "");
    } else {
        assert_eq!(inside.members, []);
    }
    match kind.as_deref() {
        None => Json::Text(unescaped(&inside.text)),
        Some("number") => Json::Number(inside.text),
        Some("boolean") => Json::Boolean(inside.text.parse().unwrap()),
        Some("object") => Json::Object(inside.members),
        Some("array") => {
            let item = |(name, value)| {
                assert_eq!(name, "item");
                value
            };
            Json::Array(inside.members.into_iter().map(item).collect())
        }
        Some(other) => panic!("{other}"),
    }
}

fn name(tag: &BytesStart<'_>) -> String {
    let name = String::from_utf8(tag.name().as_ref().to_vec()).unwrap();
    assert!(!name.contains(':'), "{name}");
    match name.as_str() {
        "_x_" => String::new(),
        name => unescaped(name),
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).unwrap()?;
    let value = attribute.normalized_value(XmlVersion::Explicit1_0).unwrap();
    Some(unescaped(&value))
}

fn unescaped(mut text: &str) -> String {
    let mut plain = String::new();
    while let Some(next) = text.chars().next() {
        let (character, length) = escape(text).unwrap_or((next, next.len_utf8()));
        plain.push(character);
        text = &text[length..];
    }
    plain
}

/// The escape that a text begins with: what it means, and how long it is.
fn escape(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("_x").or(text.strip_prefix("_X"))?;
    let (digits, _) = digits.split_once('_')?;
    if !matches!(digits.len(), 4 | 8) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap();
    Some((character, digits.len() + 3))
}
