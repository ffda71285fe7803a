//! Whatever was surveyed is held.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

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
