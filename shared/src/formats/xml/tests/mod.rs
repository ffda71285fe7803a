#![allow(clippy::unwrap_used, clippy::expect_used)]

mod reading;

use proptest::prelude::*;

use self::reading::read;
use super::*;
use crate::formats::Encoder;
use crate::formats::samples::{self, Json};

fn encoder(fields: Option<&[&str]>) -> Encoder {
    let fields = fields.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    Encoder::Xml(XmlEncoder::new("customers".to_owned(), fields))
}

/// The line of one record.
fn line(payload: &str) -> String {
    let file = samples::file(encoder(None), &[payload]);
    file.lines().nth(2).unwrap().to_owned()
}

fn element_of(name: &str) -> String {
    names::element_name(name).into_owned()
}

#[test]
fn a_file_is_a_document_with_a_record_on_each_line() {
    assert_eq!(
        samples::file(encoder(None), &[r#"{"a": "x"}"#, "{}"]),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <records entity=\"customers\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n\
         <record id=\"ext_1\"><a>x</a></record>\n\
         <record id=\"ext_1\"></record>\n\
         </records>\n"
    );
}

#[test]
fn a_file_of_no_records_is_a_document_too() {
    let read = read(&samples::file::<&str>(encoder(None), &[]));
    assert_eq!(read.records, []);
}

#[test]
fn every_kind_of_value_can_be_told_from_the_others() {
    assert_eq!(
        line(r#"{"s": "1", "n": 1.50, "b": true, "z": null, "e": "", "o": {}, "l": []}"#),
        "<record id=\"ext_1\"><s>1</s><n type=\"number\">1.50</n><b type=\"boolean\">true</b>\
         <z xsi:nil=\"true\"/><e></e><o type=\"object\"></o><l type=\"array\"></l></record>"
    );
}

#[test]
fn nested_values_are_elements_within_elements() {
    assert_eq!(
        line(r#"{"o": {"a": {"b": -0}, "item": 1}, "l": [1, null, [], {"c": "d"}], "x": "y"}"#),
        "<record id=\"ext_1\"><o type=\"object\"><a type=\"object\"><b type=\"number\">-0</b></a>\
         <item type=\"number\">1</item></o><l type=\"array\"><item type=\"number\">1</item>\
         <item xsi:nil=\"true\"/><item type=\"array\"></item>\
         <item type=\"object\"><c>d</c></item></l><x>y</x></record>"
    );
}

#[test]
fn characters_that_mean_something_to_xml_are_references() {
    assert_eq!(
        line(r#"{"a": "<b>&amp;]]> \"'\r\t"}"#),
        "<record id=\"ext_1\"><a>&lt;b&gt;&amp;amp;]]&gt; \"'&#13;\t</a></record>"
    );
}

#[test]
fn characters_that_xml_cannot_hold_are_escaped_and_so_is_what_looks_like_an_escape() {
    assert_eq!(
        text::content("\u{1}\u{1f}\u{7f}\u{fffe}\u{ffff}\u{ff21}"),
        "_x0001__x001F_\u{7f}_xFFFE__xFFFF_\u{ff21}"
    );
    assert_eq!(
        text::content("_x000D_ _X00e9_"),
        "_x005F_x000D_ _x005F_X00e9_"
    );
    assert_eq!(text::content("_x0041\u{1}"), "_x005F_x0041_x0001_");
    assert_eq!(text::content("a_b _x_ _x00g0_"), "a_b _x_ _x00g0_");
}

#[test]
fn attributes_keep_their_quotes_and_line_ends() {
    let mut encoder = Encoder::Xml(XmlEncoder::new("a\"\t&".to_owned(), None));
    let mut out = Vec::new();
    encoder.begin(&mut out);
    let id = "1\"\r\n\t<'>&_x0041_\u{1}";
    encoder
        .record(&samples::record(id, "{}"), &mut out)
        .unwrap();
    encoder.finish(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("id=\"1&quot;&#13;&#10;&#9;&lt;'&gt;&amp;_x005F_x0041__x0001_\""),
        "{text}"
    );
    let read = read(&text);
    assert_eq!(read.entity, "a\"\t&");
    assert_eq!(read.records, [(id.to_owned(), Json::Object(vec![]))]);
}

#[test]
fn names_that_xml_allows_everywhere_stay() {
    for name in [
        "a",
        "A-1.b_c",
        "_",
        "__proto__",
        "größe",
        "名前",
        "имя",
        "ελληνικά",
    ] {
        assert_eq!(element_of(name), name);
    }
}

#[test]
fn names_that_xml_forbids_are_escaped() {
    for (name, element) in [
        ("1st", "_x0031_st"),
        ("-a", "_x002D_a"),
        (".", "_x002E_"),
        ("a b", "a_x0020_b"),
        ("a:b", "a_x003A_b"),
        ("a\"<", "a_x0022__x003C_"),
        ("😀", "_x0001F600_"),
        ("xml", "_x0078_ml"),
        ("XMLns", "_x0058_MLns"),
        ("", "_x_"),
        ("_x_", "_x005F_x_x005F_"),
        ("_x0041_", "_x005F_x0041_"),
        ("_x0041 ", "_x005F_x0041_x0020_"),
        ("×", "_x00D7_"),
    ] {
        assert_eq!(element_of(name), element);
    }
}

#[test]
fn chosen_fields_come_in_their_order() {
    let payload = r#"{"a": 1, "b": null, "c d": [true], "e": 2}"#;
    let file = samples::file(encoder(Some(&["c d", "none", "b", "a"])), &[payload]);
    assert_eq!(
        file.lines().nth(2).unwrap(),
        "<record id=\"ext_1\"><c_x0020_d type=\"array\"><item type=\"boolean\">true</item></c_x0020_d>\
         <b xsi:nil=\"true\"/><a type=\"number\">1</a></record>"
    );
}

#[test]
fn a_refused_record_leaves_no_trace() {
    for fields in [None, Some(&["a"][..])] {
        let mut encoder = encoder(fields);
        samples::refuses_without_a_trace(&mut encoder);
        let mut out = Vec::new();
        let broken = samples::record("1", r#"{"a": {"b": "\ud800"}}"#);
        encoder.record(&broken, &mut out).unwrap_err();
        assert_eq!(out, b"");
        let good = samples::record("1", r#"{"a": {}}"#);
        encoder.record(&good, &mut out).unwrap();
        assert_eq!(out, b"<record id=\"1\"><a type=\"object\"></a></record>\n");
    }
}

#[test]
fn depth_costs_no_stack() {
    let line = line(&samples::deep());
    assert_eq!(line.matches("<a type=\"array\">").count(), 50_000);
    assert_eq!(line.matches("</item>").count(), 50_000);
}

#[test]
fn the_schema_names_each_field_once() {
    let names = ["a b", "id", "id", ""].map(str::to_owned);
    let schema = schema("a\"b", &names);
    let fields: Vec<&str> = schema
        .lines()
        .filter(|line| line.contains("nillable"))
        .map(str::trim)
        .collect();
    assert_eq!(
        fields,
        [
            r#"<xs:element name="a_x0020_b" type="value" minOccurs="0" nillable="true"/>"#,
            r#"<xs:element name="id" type="value" minOccurs="0" nillable="true"/>"#,
            r#"<xs:element name="_x_" type="value" minOccurs="0" nillable="true"/>"#,
        ]
    );
    assert!(schema.contains(r#"fixed="a&quot;b""#), "{schema}");
}

proptest! {
    #[test]
    fn a_reader_finds_what_went_in(
        records in prop::collection::vec((samples::any_text(), samples::any_object()), 0..4),
        entity in samples::any_text(),
        spelling in samples::any_spelling(),
        fields in samples::any_choice(),
    ) {
        let mut encoder = Encoder::Xml(XmlEncoder::new(entity.clone(), fields.clone()));
        let mut out = Vec::new();
        encoder.begin(&mut out);
        for (id, object) in &records {
            encoder.record(&samples::record(id, &object.spelled(spelling)), &mut out).unwrap();
        }
        encoder.finish(&mut out).unwrap();

        let read = read(std::str::from_utf8(&out).unwrap());
        prop_assert_eq!(read.entity, entity);
        let expected: Vec<(String, Json)> = records
            .into_iter()
            .map(|(id, object)| match &fields {
                Some(names) => (id, object.only(names)),
                None => (id, object),
            })
            .collect();
        prop_assert_eq!(read.records, expected);
    }

    #[test]
    fn records_that_a_survey_has_read_are_written_as_others_are(
        objects in prop::collection::vec(samples::any_object(), 0..4),
        spelling in samples::any_spelling(),
        fields in samples::any_choice(),
    ) {
        let encoder = || Encoder::Xml(XmlEncoder::new("customers".to_owned(), fields.clone()));
        let payloads: Vec<String> = objects.iter().map(|it| it.spelled(spelling)).collect();
        prop_assert_eq!(
            samples::file_of_surveyed(encoder(), &payloads),
            samples::file(encoder(), &payloads)
        );
    }

    #[test]
    fn no_two_fields_share_an_element(a in samples::any_name(), b in samples::any_name()) {
        prop_assert_eq!(a == b, element_of(&a) == element_of(&b));
    }
}
