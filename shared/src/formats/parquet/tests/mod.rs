#![allow(clippy::unwrap_used, clippy::panic)]

use ::parquet::basic::{LogicalType, Repetition, TimeUnit};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field as Cell;
use bytes::Bytes;
use chrono::DateTime;

use super::*;
use crate::formats::samples::survey;
use crate::formats::{Encoder, samples};

mod groups;
mod held;

const RAW_TOO: ParquetOptions = ParquetOptions { raw: true };

fn record(payload: &str) -> RecordView<'_> {
    samples::record("ext_1", payload)
}

/// The file of these records, and the pieces that it came in.
fn pieces<P: AsRef<str>>(mut parquet: ParquetEncoder, room: Room, payloads: &[P]) -> Vec<Vec<u8>> {
    parquet.room = room;
    let mut encoder = Encoder::Parquet(parquet);
    let mut pieces = vec![Vec::new()];
    encoder.begin(&mut pieces[0]);
    for payload in payloads {
        let mut piece = Vec::new();
        encoder
            .record(&record(payload.as_ref()), &mut piece)
            .unwrap();
        pieces.push(piece);
    }
    let mut piece = Vec::new();
    encoder.finish(&mut piece).unwrap();
    pieces.push(piece);
    pieces
}

fn encoder(fields: Vec<Field>, options: ParquetOptions) -> ParquetEncoder {
    ParquetEncoder::new(fields, options, Vec::new()).unwrap()
}

fn file<P: AsRef<str>>(options: ParquetOptions, payloads: &[P]) -> Vec<u8> {
    pieces(encoder(survey(payloads), options), ROOM, payloads).concat()
}

fn reader(file: Vec<u8>) -> SerializedFileReader<Bytes> {
    SerializedFileReader::new(Bytes::from(file)).unwrap()
}

fn rows(file: Vec<u8>) -> Vec<Vec<(String, Cell)>> {
    let reader = reader(file);
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().into_columns()).collect()
}

/// The values of the field `f` in records that have only that.
fn column(values: &[&str]) -> Vec<Cell> {
    let payloads: Vec<String> = values.iter().map(|it| format!(r#"{{"f":{it}}}"#)).collect();
    let rows = rows(file(ParquetOptions::default(), &payloads));
    rows.into_iter().map(|mut row| row.remove(0).1).collect()
}

fn text(text: &str) -> Cell {
    Cell::Str(text.to_owned())
}

/// A value as it would be spelled.
fn spelled(cell: &Cell) -> String {
    match cell {
        Cell::Str(text) => text.clone(),
        Cell::Bool(value) => value.to_string(),
        Cell::Long(value) => value.to_string(),
        Cell::Date(days) => chrono::NaiveDate::from_epoch_days(*days)
            .unwrap()
            .to_string(),
        Cell::TimestampMicros(micros) => DateTime::from_timestamp_micros(*micros)
            .unwrap()
            .to_rfc3339(),
        Cell::Decimal(decimal) => {
            let bytes = decimal.data();
            let mut wide = [if bytes[0] >= 128 { 255 } else { 0 }; 16];
            wide[16 - bytes.len()..].copy_from_slice(bytes);
            let number = i128::from_be_bytes(wide);
            let scale = usize::try_from(decimal.scale()).unwrap();
            let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            let (sign, point) = (
                if number < 0 { "-" } else { "" },
                if scale > 0 { "." } else { "" },
            );
            format!("{sign}{whole}{point}{fraction}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn texts_come_back_as_they_were() {
    let texts = [
        "say \"hi\"\\",
        "two\r\nlines\t\u{0}\u{1f}\u{7f}",
        "é😀👩‍👩‍👧 שלום العربية \u{202e}x",
        "",
        "null",
        "7",
    ];
    let json: Vec<String> = texts
        .iter()
        .map(|text| serde_json::to_string(text).unwrap())
        .collect();
    let json: Vec<&str> = json.iter().map(String::as_str).collect();
    assert_eq!(column(&json), texts.map(text));
    assert_eq!(column(&[r#""\u00e9\ud83d\ude00""#]), [text("é😀")]);
}

#[test]
fn an_empty_text_is_not_null_and_an_absent_one_is() {
    assert_eq!(
        column(&[r#""""#, "null", r#""a""#]),
        [text(""), Cell::Null, text("a")]
    );
    let rows = rows(file(
        ParquetOptions::default(),
        &[r#"{"a":1,"b":2}"#, r#"{"b":3}"#],
    ));
    assert_eq!(
        rows[1],
        [("a".into(), Cell::Null), ("b".into(), Cell::Long(3))]
    );
}

#[test]
fn numbers_come_back_with_every_digit() {
    let (most, least) = (i64::MAX.to_string(), i64::MIN.to_string());
    assert_eq!(
        column(&[&most, &least, "0"]),
        [Cell::Long(i64::MAX), Cell::Long(i64::MIN), Cell::Long(0)]
    );
    let long = format!("{}.{}", "9".repeat(28), "9".repeat(10));
    for numbers in [
        ["1.50".to_owned(), "-0.01".to_owned()],
        ["9999999.99".to_owned(), "-9999999.99".to_owned()],
        ["1234567890123456.78".to_owned(), "-0.99".to_owned()],
        [long.clone(), format!("-{long}")],
        ["9".repeat(38), format!("-{}", "9".repeat(38))],
        ["9".repeat(39), "1".repeat(400)],
    ] {
        let column = column(&numbers.each_ref().map(String::as_str));
        assert_eq!(column.iter().map(spelled).collect::<Vec<_>>(), numbers);
    }
    // At the scale of the column.
    assert_eq!(spelled(&column(&["7", "1.25"])[0]), "7.00");
}

#[test]
fn days_and_times_come_back_from_every_year() {
    assert_eq!(
        column(&[r#""1969-12-31""#, r#""9999-12-31""#, r#""0001-01-01""#]),
        [Cell::Date(-1), Cell::Date(2_932_896), Cell::Date(-719_162)]
    );
    assert_eq!(
        column(&[
            r#""1969-12-31T23:59:59.5Z""#,
            r#""2024-01-01T02:00:00+02:00""#,
            r#""9999-12-31T23:59:59.999999Z""#
        ]),
        [-500_000, 1_704_067_200_000_000, 253_402_300_799_999_999].map(Cell::TimestampMicros)
    );
    assert_eq!(
        column(&[r#""2024-01-01T00:00:00""#]),
        [text("2024-01-01T00:00:00")]
    );
}

#[test]
fn mixtures_are_texts_and_with_nested_values_json() {
    assert_eq!(
        column(&["1.50", r#""a\n""#, "true", "null"]),
        [text("1.50"), text("a\n"), text("true"), Cell::Null]
    );
    assert_eq!(
        column(&[r#"{"x": [1, "é"]}"#, r#""a\n""#, "1.50", "null"]),
        [
            text(r#"{"x": [1, "é"]}"#),
            text(r#""a\n""#),
            text("1.50"),
            Cell::Null
        ]
    );
}

#[test]
fn columns_say_what_they_hold() {
    let payload = r#"{"id":"x","b":true,"d":1.5,"day":"2024-01-01","n":1,"nest":{},"at":"2024-01-01T00:00:00Z","wide":12345678901234567890.5,"mid":1234567890.5}"#;
    let reader = reader(file(RAW_TOO, &[payload]));
    let schema = reader.metadata().file_metadata().schema_descr();
    let column = |name: &str| {
        let mut columns = schema.columns().iter();
        columns.find(|it| it.name() == name).unwrap()
    };
    let logical = |name| column(name).logical_type_ref().cloned();
    assert_eq!(logical("id"), Some(LogicalType::String));
    assert_eq!((logical("b"), logical("n")), (None, None));
    assert_eq!(logical("d"), Some(LogicalType::decimal(1, 2)));
    assert_eq!(logical("mid"), Some(LogicalType::decimal(1, 11)));
    assert_eq!(logical("wide"), Some(LogicalType::decimal(1, 21)));
    assert_eq!(logical("day"), Some(LogicalType::Date));
    assert_eq!(
        logical("at"),
        Some(LogicalType::timestamp(true, TimeUnit::MICROS))
    );
    assert_eq!(
        (logical("nest"), logical("_raw")),
        (Some(LogicalType::Json), Some(LogicalType::Json))
    );
    let repetition = |name| column(name).self_type().get_basic_info().repetition();
    assert_eq!(repetition("id"), Repetition::REQUIRED);
    assert_eq!(repetition("n"), Repetition::OPTIONAL);
    assert_eq!(schema.columns()[0].name(), "id");
    assert_eq!(schema.columns().last().unwrap().name(), "_raw");
    assert!(
        reader
            .metadata()
            .row_group(0)
            .column(0)
            .statistics()
            .is_some()
    );
}

#[test]
fn strange_names_are_names() {
    let payload = r#"{"":1,"__proto__":2,"a.b":3,"é\"\n":4,"Id":5,"id":6}"#;
    let rows = rows(file(ParquetOptions::default(), &[payload]));
    let names: Vec<&str> = rows[0].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id", "", "Id", "__proto__", "a.b", "é\"\n"]);
    let values = rows[0].iter().map(|(_, value)| value.clone());
    assert!(values.eq([6, 1, 5, 2, 3, 4].map(Cell::Long)));
}

#[test]
fn the_whole_record_is_written_on_request() {
    let payloads = [r#"{"id": 1, "_raw": 2, "n": 1.50}"#, r#"{"id": 2}"#];
    let there = rows(file(RAW_TOO, &payloads));
    let names: Vec<&str> = there[0].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id", "n", "_raw"]);
    assert_eq!(there[0][2].1, text(payloads[0]));
    assert_eq!(there[1][2].1, text(payloads[1]));
    let without = rows(file(ParquetOptions::default(), &payloads));
    assert_eq!(without[0][1], ("_raw".into(), Cell::Long(2)));
}

#[test]
fn a_record_without_id_shows_the_one_it_is_stored_under() {
    let rows = rows(file(
        ParquetOptions::default(),
        &[r#"{"id":1}"#, r#"{"n":2}"#, r#"{"id":null}"#],
    ));
    let ids: Vec<&Cell> = rows.iter().map(|row| &row[0].1).collect();
    assert_eq!(ids, [&text("1"), &text("ext_1"), &Cell::Null]);
}

#[test]
fn without_a_record_there_is_a_file_with_its_columns() {
    for options in [ParquetOptions::default(), RAW_TOO] {
        for fields in [Vec::new(), survey::<&str>(&[])] {
            let file = pieces::<&str>(encoder(fields, options), ROOM, &[]).concat();
            let reader = reader(file);
            let metadata = reader.metadata().file_metadata();
            assert_eq!(metadata.num_rows(), 0);
            assert_eq!(metadata.schema_descr().column(0).name(), "id");
        }
    }
}

#[test]
fn the_footer_keeps_what_it_is_given() {
    let metadata = vec![("rail.run".to_owned(), "run_1".to_owned())];
    let parquet = ParquetEncoder::new(Vec::new(), ParquetOptions::default(), metadata).unwrap();
    let reader = reader(pieces::<&str>(parquet, ROOM, &[]).concat());
    let kept = reader.metadata().file_metadata().key_value_metadata();
    assert_eq!(
        kept.unwrap(),
        &[KeyValue::new("rail.run".to_owned(), "run_1".to_owned())]
    );
}

#[test]
fn a_refused_record_leaves_no_trace() {
    let good = r#"{"id":1,"a":"x","b":true,"d":1.5,"day":"2024-01-01","t":"t","n":{}}"#;
    let mut parquet = encoder(survey(&[good]), RAW_TOO);
    let mut out = b"kept".to_vec();
    for (payload, field) in [
        (r#"{"id":"1"}"#, "id"),
        (r#"{"id":1.5}"#, "id"),
        (r#"{"id":1e2}"#, "id"),
        (r#"{"id":null}"#, "id"),
        (r#"{}"#, "id"),
        (r#"{"id":9223372036854775808}"#, "id"),
        (r#"{"id":2,"a":{}}"#, "a"),
        (r#"{"id":2,"a":"y","b":1}"#, "b"),
        (r#"{"id":2,"a":"y","b":"true"}"#, "b"),
        (r#"{"id":2,"d":1.55}"#, "d"),
        (r#"{"id":2,"d":10.5}"#, "d"),
        (r#"{"id":2,"d":"1.5"}"#, "d"),
        (r#"{"id":2,"d":true}"#, "d"),
        (r#"{"id":2,"day":"2024-02-30"}"#, "day"),
        (r#"{"id":2,"day":20240101}"#, "day"),
    ] {
        let refused = parquet.record(&record(payload), &mut out).unwrap_err();
        let FormatError::Unfit {
            external_id,
            field: named,
            ..
        } = refused
        else {
            panic!("{payload}: {refused}");
        };
        assert_eq!(
            (external_id.as_str(), named.as_str()),
            ("ext_1", field),
            "{payload}"
        );
    }
    for payload in ["", "[1]", r#"{"id":2"#, r#"{"id":2,"a":"\ud800"}"#] {
        let refused = parquet.record(&record(payload), &mut out).unwrap_err();
        assert!(matches!(refused, FormatError::Payload { .. }), "{payload}");
    }
    parquet.record(&record(good), &mut out).unwrap();
    parquet.finish(&mut out).unwrap();
    assert_eq!(out[..4], *b"kept");
    let rows = rows(out.split_off(4));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].last().unwrap().1, text(good));
    let cells: Vec<String> = rows[0].iter().map(|(_, cell)| spelled(cell)).collect();
    assert_eq!(
        cells[..7],
        ["1", "x", "true", "1.5", "2024-01-01", "{}", "t"]
    );
}

#[test]
fn columns_that_no_file_can_have_are_refused() {
    let kind = Kind::Decimal {
        precision: 39,
        scale: 0,
    };
    let refused = ParquetEncoder::new(
        vec![field("d", kind)],
        ParquetOptions::default(),
        Vec::new(),
    );
    assert!(matches!(refused, Err(FormatError::Parquet(_))));
}
