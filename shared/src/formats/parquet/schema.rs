//! How the file says what its columns hold.

use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::errors::Result;
use ::parquet::schema::types::{Type, TypePtr};

use crate::formats::fields::ID;
use crate::formats::survey::{Field, Kind};

/// The length of decimals that 64 bits do not hold, big-endian.
const WIDE_BYTES: i32 = 16;

/// How the values of a kind are laid down.
pub(super) fn physical(kind: Kind) -> Physical {
    match kind {
        Kind::Boolean => Physical::BOOLEAN,
        Kind::Date => Physical::INT32,
        Kind::Integer | Kind::Timestamp => Physical::INT64,
        Kind::Text | Kind::Json => Physical::BYTE_ARRAY,
        Kind::Decimal { precision, .. } => match precision {
            ..10 => Physical::INT32,
            10..19 => Physical::INT64,
            _ => Physical::FIXED_LEN_BYTE_ARRAY,
        },
    }
}

/// Whether a row may have no value there. But for the id one may, so that files of different days can be read as one.
pub(super) fn repetition(field: &Field) -> Repetition {
    if field.name == ID && !field.is_nullable() {
        Repetition::REQUIRED
    } else {
        Repetition::OPTIONAL
    }
}

/// The schema of a file with a column for each of these fields.
pub(super) fn schema<'a>(fields: impl Iterator<Item = &'a Field>) -> Result<TypePtr> {
    let columns = fields
        .map(|field| column(field).map(Arc::new))
        .collect::<Result<_>>()?;
    let root = Type::group_type_builder("records").with_fields(columns);
    root.build().map(Arc::new)
}

fn column(field: &Field) -> Result<Type> {
    let physical = physical(field.kind);
    let mut column =
        Type::primitive_type_builder(&field.name, physical).with_repetition(repetition(field));
    if physical == Physical::FIXED_LEN_BYTE_ARRAY {
        column = column.with_length(WIDE_BYTES);
    }
    let logical = match field.kind {
        Kind::Boolean | Kind::Integer => None,
        Kind::Decimal { precision, scale } => {
            let (precision, scale) = (precision.into(), scale.into());
            column = column.with_precision(precision).with_scale(scale);
            Some(LogicalType::decimal(scale, precision))
        }
        Kind::Date => Some(LogicalType::Date),
        Kind::Timestamp => Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
        Kind::Text => Some(LogicalType::String),
        Kind::Json => Some(LogicalType::Json),
    };
    column.with_logical_type(logical).build()
}
