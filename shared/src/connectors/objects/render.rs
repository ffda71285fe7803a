//! A row of Parquet as JSON: numbers with all their digits, times as RFC 3339, bytes as Base64.

use ::parquet::basic::{LogicalType, TimeUnit};
use ::parquet::record::{Field, Map, Row};
use ::parquet::schema::types::Type;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta};
use uuid::Uuid;

use super::text::{Bad, MAX_ROW_BYTES};

/// A number of more bytes has more digits than anybody means.
const MAX_DECIMAL_BYTES: usize = 512;

/// A row of this type.
pub(super) fn row(row: &Row, schema: &Type) -> Result<String, Bad> {
    let mut json = String::new();
    object(row, Some(schema), &mut json)?;
    Ok(json)
}

/// Writes a row of this type; its fields alone do not tell all.
fn object(row: &Row, schema: Option<&Type>, json: &mut String) -> Result<(), Bad> {
    let types = schema
        .filter(|schema| schema.is_group())
        .map(Type::get_fields)
        .unwrap_or_default();
    json.push('{');
    for (place, (name, field)) in row.get_column_iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        text(name, json);
        json.push(':');
        typed(field, types.get(place).map(AsRef::as_ref), json)?;
    }
    json.push('}');
    room(json)
}

/// What the library hands over as a plain number, or as bytes.
fn typed(field: &Field, schema: Option<&Type>, json: &mut String) -> Result<(), Bad> {
    let logical = schema.and_then(|schema| schema.get_basic_info().logical_type_ref());
    match (field, logical) {
        (Field::Group(row), _) => return object(row, schema, json),
        (Field::Long(nanos), Some(LogicalType::Timestamp(it))) if it.unit == TimeUnit::NANOS => {
            let at = DateTime::from_timestamp_nanos(*nanos);
            text(&at.to_rfc3339_opts(SecondsFormat::Nanos, true), json);
        }
        (Field::Long(nanos), Some(LogicalType::Time(it))) if it.unit == TimeUnit::NANOS => {
            time(*nanos, json);
        }
        (Field::Bytes(bytes), Some(LogicalType::Uuid)) => match Uuid::from_slice(bytes.data()) {
            Ok(uuid) => text(&uuid.to_string(), json),
            Err(_) => return value(field, json),
        },
        _ => return value(field, json),
    }
    Ok(())
}

fn value(field: &Field, json: &mut String) -> Result<(), Bad> {
    match field {
        Field::Null => json.push_str("null"),
        Field::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
        Field::Byte(value) => json.push_str(&value.to_string()),
        Field::Short(value) => json.push_str(&value.to_string()),
        Field::Int(value) => json.push_str(&value.to_string()),
        Field::Long(value) => json.push_str(&value.to_string()),
        Field::UByte(value) => json.push_str(&value.to_string()),
        Field::UShort(value) => json.push_str(&value.to_string()),
        Field::UInt(value) => json.push_str(&value.to_string()),
        Field::ULong(value) => json.push_str(&value.to_string()),
        Field::Float16(value) => float(f32::from(*value), json),
        Field::Float(value) => float(*value, json),
        Field::Double(value) => float(*value, json),
        // Its own spelling has all the digits, however many, and a point even where nothing follows.
        Field::Decimal(number) if number.data().len() > MAX_DECIMAL_BYTES => {
            return Err(Bad::new(
                "unreadable-record",
                "the row has a decimal of more than a thousand digits",
            ));
        }
        Field::Decimal(_) => json.push_str(field.to_string().trim_end_matches('.')),
        Field::Str(value) => text(value, json),
        Field::Bytes(value) => text(&STANDARD.encode(value.data()), json),
        Field::Date(days) => {
            let day = NaiveDate::default().checked_add_signed(TimeDelta::days((*days).into()));
            written(day.map(|day| day.to_string()), i64::from(*days), json);
        }
        Field::TimeMillis(millis) => time(i64::from(*millis) * 1_000_000, json),
        Field::TimeMicros(micros) => time(micros.saturating_mul(1_000), json),
        Field::TimestampMillis(millis) => {
            let at = DateTime::from_timestamp_millis(*millis);
            let at = at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
            written(at, *millis, json);
        }
        Field::TimestampMicros(micros) => {
            let at = DateTime::from_timestamp_micros(*micros);
            let at = at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true));
            written(at, *micros, json);
        }
        Field::Group(row) => return object(row, None, json),
        Field::ListInternal(list) => return array(list.elements().iter(), json),
        Field::MapInternal(map) => return entries(map, json),
    }
    Ok(())
}

/// That what was written so far is no longer than a row may be.
fn room(json: &str) -> Result<(), Bad> {
    if json.len() > MAX_ROW_BYTES {
        return Err(Bad::too_long());
    }
    Ok(())
}

fn array<'f>(fields: impl Iterator<Item = &'f Field>, json: &mut String) -> Result<(), Bad> {
    json.push('[');
    for (place, field) in fields.enumerate() {
        if place > 0 {
            json.push(',');
        }
        value(field, json)?;
        room(json)?;
    }
    json.push(']');
    Ok(())
}

/// An object where the keys are texts, else an array of pairs.
fn entries(map: &Map, json: &mut String) -> Result<(), Bad> {
    let entries = map.entries();
    let are_texts = entries.iter().all(|(key, _)| matches!(key, Field::Str(_)));
    json.push(if are_texts { '{' } else { '[' });
    for (place, (key, field)) in entries.iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        if are_texts {
            value(key, json)?;
            json.push(':');
            value(field, json)?;
        } else {
            array([key, field].into_iter(), json)?;
        }
        room(json)?;
    }
    json.push(if are_texts { '}' } else { ']' });
    Ok(())
}

/// The shortest digits that mean this number; what is no number is a text that says so.
fn float<F: serde::Serialize + Into<f64> + Copy>(number: F, json: &mut String) {
    let wide: f64 = number.into();
    if wide.is_finite() {
        json.push_str(&serde_json::to_string(&number).unwrap_or_default());
    } else {
        text(&wide.to_string(), json);
    }
}

fn time(nanos: i64, json: &mut String) {
    const SECOND: i64 = 1_000_000_000;
    let (seconds, rest) = (nanos.div_euclid(SECOND), nanos.rem_euclid(SECOND));
    let time = u32::try_from(seconds).ok().and_then(|seconds| {
        NaiveTime::from_num_seconds_from_midnight_opt(seconds, u32::try_from(rest).ok()?)
    });
    let words = time.map(|time| time.format("%H:%M:%S%.f").to_string());
    written(words, nanos, json);
}

/// A text, or the number that is behind it where no calendar reaches that far.
fn written(words: Option<String>, number: i64, json: &mut String) {
    match words {
        Some(words) => text(&words, json),
        None => json.push_str(&number.to_string()),
    }
}

fn text(text: &str, json: &mut String) {
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}
