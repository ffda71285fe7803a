#![allow(clippy::unwrap_used, clippy::panic)]

use ::parquet::basic::{LogicalType, Repetition, TimeUnit};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field as Cell;
use bytes::Bytes;
use chrono::DateTime;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::formats::samples::survey;
use crate::formats::{Encoder, samples};

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
fn row_groups_leave_memory_as_they_are_full() {
    let payloads: Vec<String> = (0..25)
        .map(|n| format!(r#"{{"id":{n},"t":"{}"}}"#, "x".repeat(n)))
        .collect();
    let by_rows = Room { rows: 10, ..ROOM };
    let by_bytes = Room { bytes: 300, ..ROOM };
    for (room, full) in [(by_rows, [10, 20]), (by_bytes, [11, 19])] {
        let parquet = encoder(survey(&payloads), ParquetOptions::default());
        let pieces = pieces(parquet, room, &payloads);
        let came = (0..26).filter(|after| !pieces[*after].is_empty());
        assert_eq!(came.collect::<Vec<_>>(), full);
        let file = pieces.concat();
        assert_eq!(reader(file.clone()).num_row_groups(), 3);
        let rows = rows(file);
        assert_eq!(rows.len(), 25);
        for (n, row) in rows.iter().enumerate() {
            assert_eq!(row[0].1, Cell::Long(i64::try_from(n).unwrap()));
            assert_eq!(row[1].1, text(&"x".repeat(n)));
        }
    }
}

#[test]
fn more_rows_than_the_library_is_handed_at_once_stay_in_their_rows() {
    let payloads: Vec<String> = (0..10_000)
        .map(|n| match n % 3 {
            0 => format!(r#"{{"id":{n}}}"#),
            1 => format!(r#"{{"id":{n},"t":"t{n}"}}"#),
            _ => format!(r#"{{"id":{n},"t":null,"d":{n}.5}}"#),
        })
        .collect();
    let rows = rows(file(ParquetOptions::default(), &payloads));
    assert_eq!(rows.len(), 10_000);
    for (n, row) in rows.iter().enumerate() {
        let cells: Vec<&Cell> = row.iter().map(|(_, cell)| cell).collect();
        assert_eq!(spelled(cells[0]), n.to_string());
        match n % 3 {
            1 => assert_eq!(cells[1..], [&Cell::Null, &text(&format!("t{n}"))]),
            2 => {
                assert_eq!(spelled(cells[1]), format!("{n}.5"));
                assert_eq!(cells[2], &Cell::Null);
            }
            _ => assert_eq!(cells[1..], [&Cell::Null, &Cell::Null]),
        }
    }
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

/// Values as JSON spells them, some of each kind.
fn any_value() -> impl Strategy<Value = String> {
    let quoted = |text: String| serde_json::to_string(&text).unwrap();
    prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|it| it.to_string()),
        any::<i64>().prop_map(|it| it.to_string()),
        "-?[1-9][0-9]{0,20}\\.[0-9]{1,8}",
        "-?0\\.[0-9]{1,40}",
        "-?[1-9][0-9]{17,45}",
        "-?[1-9](\\.[0-9])?[eE][+-]?[0-9]{1,3}",
        any::<String>().prop_map(quoted),
        "[12][0-9]{3}-[01][0-9]-[0-3][0-9]".prop_map(quoted),
        "[12][0-9]{3}-0[1-9]-[0-2][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,8})?(Z|[+-][01][0-9]:30)?"
            .prop_map(quoted),
        "\\[(1|\"é\"|\\{\"a\": 1\\})?\\]|\\{(\"a\": ?(null|1\\.50))?\\}",
    ]
}

/// What a reader must find for this value in a column of this kind.
fn expected(kind: Kind, json: &str) -> Option<String> {
    let text = || serde_json::from_str::<String>(json);
    match kind {
        _ if json == "null" => None,
        Kind::Integer if json == "-0" => Some("0".to_owned()),
        Kind::Json | Kind::Boolean | Kind::Integer => Some(json.to_owned()),
        Kind::Text => Some(text().unwrap_or_else(|_| json.to_owned())),
        Kind::Date => Some(text().unwrap()),
        Kind::Timestamp => {
            let at = DateTime::parse_from_rfc3339(&text().unwrap()).unwrap();
            Some(at.to_utc().to_rfc3339())
        }
        Kind::Decimal { scale, .. } => {
            let digits = json
                .split_once('.')
                .map_or(0, |(_, fraction)| fraction.len());
            let point = if digits == 0 && scale > 0 { "." } else { "" };
            let spelled = format!("{json}{point}{}", "0".repeat(usize::from(scale) - digits));
            let zero = !spelled.contains(|digit| ('1'..='9').contains(&digit));
            Some(if zero {
                spelled.replace('-', "")
            } else {
                spelled
            })
        }
    }
}

/// Encodes what was surveyed, and compares what a reader finds with what went in.
fn holds(records: &[Vec<(String, String)>], options: ParquetOptions) -> Result<(), TestCaseError> {
    let payloads: Vec<String> = records
        .iter()
        .map(|fields| {
            let members = fields
                .iter()
                .map(|(name, value)| format!("{}: {value}", serde_json::to_string(name).unwrap()));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let fields = survey(&payloads);
    let room = Room { rows: 3, ..ROOM };
    let file = pieces(encoder(fields.clone(), options), room, &payloads).concat();
    let rows = rows(file);
    prop_assert_eq!(rows.len(), records.len());
    for ((row, payload), record) in rows.iter().zip(&payloads).zip(records) {
        for (field, (name, cell)) in fields.iter().zip(row) {
            prop_assert_eq!(&field.name, name);
            let json = record
                .iter()
                .find(|(of, _)| of == name)
                .map(|(_, json)| json);
            let value = match json {
                None if name == "id" && field.kind == Kind::Json => Some("\"ext_1\"".to_owned()),
                None if name == "id" => Some("ext_1".to_owned()),
                None => None,
                Some(json) => expected(field.kind, json),
            };
            let found = (*cell != Cell::Null).then(|| spelled(cell));
            prop_assert_eq!(found, value, "{:?} {:?}", field, json);
        }
        if options.raw {
            prop_assert_eq!(&row.last().unwrap().1, &text(payload));
            let raw: Box<RawValue> = serde_json::from_str(payload).unwrap();
            prop_assert_eq!(raw.get(), payload);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_was_surveyed_is_held(
        records in prop::collection::vec(
            prop::collection::btree_map("[a-c]|id|__proto__|", any_value(), 0..5), 0..8),
        raw in any::<bool>(),
    ) {
        let records: Vec<Vec<_>> = records.into_iter().map(|it| it.into_iter().collect()).collect();
        holds(&records, ParquetOptions { raw })?;
    }

    #[test]
    fn what_is_of_one_kind_is_held(
        values in prop_oneof![
            prop::collection::vec("-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,17})?|null", 1..8),
            prop::collection::vec("-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,3})?", 1..8),
            prop::collection::vec("-?(0|[1-9][0-9]{0,10})(\\.[0-9]{1,5})?", 1..8),
            prop::collection::vec("\"[1-9][0-9]{3}-0[1-9]-[12][0-9]\"|null", 1..8),
            prop::collection::vec("\"[1-9][0-9]{3}-0[1-9]-[12][0-9]T0[0-9]:[0-5]0:00(\\.[0-9]{1,6})?(Z|[+-]0[0-9]:30)\"", 1..8),
            prop::collection::vec("true|false|null", 1..8),
        ],
    ) {
        let records: Vec<Vec<_>> =
            values.into_iter().map(|value| vec![("f".to_owned(), value)]).collect();
        holds(&records, ParquetOptions::default())?;
    }
}
