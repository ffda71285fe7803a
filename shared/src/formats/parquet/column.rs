//! One column: which values have a place in it, and which rows have one.

use ::parquet::basic::Repetition;
use ::parquet::errors::ParquetError;
use ::parquet::file::writer::SerializedColumnWriter;

use super::decimals::unscaled;
use super::schema::repetition;
use super::values::Values;
use crate::formats::survey::times::{date, timestamp};
use crate::formats::survey::{Field, Kind};
use crate::formats::tokens::text_of;

/// How many rows the library is handed at a time.
const BATCH_ROWS: u32 = 4_096;

/// Why a value has no place in the column.
#[derive(Debug)]
pub(super) enum Refused {
    /// It is not of the column's kind.
    Unfit,
    /// It is no JSON.
    Unreadable(serde_json::Error),
}

/// A column's values, until there are enough rows for a row group.
#[derive(Debug)]
pub(super) struct Column {
    field: Field,
    repetition: Repetition,
    /// The rows that have a value: a column of few takes little room.
    rows: Vec<u32>,
    values: Values,
}

impl Column {
    pub(super) fn new(field: Field) -> Self {
        Self {
            repetition: repetition(&field),
            rows: Vec::new(),
            values: Values::of(field.kind),
            field,
        }
    }

    pub(super) fn field(&self) -> &Field {
        &self.field
    }

    /// Takes the value of a row, as JSON spells it. Says how many bytes it takes up.
    pub(super) fn json(&mut self, row: u32, json: &str) -> Result<usize, Refused> {
        match (json.as_bytes().first(), self.field.kind) {
            (Some(b'n'), _) => self.nothing(),
            (_, Kind::Json) => self.put(row, |values| values.text(json)),
            (Some(b'"'), _) => {
                let text = text_of(json).map_err(Refused::Unreadable)?;
                self.text(row, &text)
            }
            (Some(b'{' | b'['), _) => Err(Refused::Unfit),
            _ => self.scalar(row, json),
        }
    }

    /// Takes the text of a row.
    pub(super) fn text(&mut self, row: u32, text: &str) -> Result<usize, Refused> {
        match self.field.kind {
            Kind::Text => self.put(row, |values| values.text(text)),
            Kind::Date => self.put(row, |values| values.int32(date(text)?)),
            Kind::Timestamp => self.put(row, |values| values.int64(timestamp(text)?)),
            Kind::Json => {
                let json = serde_json::to_string(text).map_err(Refused::Unreadable)?;
                self.put(row, |values| values.text(&json))
            }
            Kind::Boolean | Kind::Integer | Kind::Decimal { .. } => Err(Refused::Unfit),
        }
    }

    /// Takes it that a row has no value.
    pub(super) fn nothing(&self) -> Result<usize, Refused> {
        match self.repetition {
            Repetition::OPTIONAL => Ok(0),
            _ => Err(Refused::Unfit),
        }
    }

    /// A number or a truth value.
    fn scalar(&mut self, row: u32, json: &str) -> Result<usize, Refused> {
        match self.field.kind {
            Kind::Text => self.put(row, |values| values.text(json)),
            Kind::Boolean => self.put(row, |values| values.boolean(json.parse().ok()?)),
            Kind::Integer => self.put(row, |values| values.int64(json.parse().ok()?)),
            Kind::Decimal { precision, scale } => self.put(row, |values| {
                let number = unscaled(json, scale)?;
                let fits = number.unsigned_abs() < 10_u128.pow(precision.into());
                fits.then(|| values.decimal(number))?
            }),
            Kind::Date | Kind::Timestamp | Kind::Json => Err(Refused::Unfit),
        }
    }

    fn put(
        &mut self,
        row: u32,
        put: impl FnOnce(&mut Values) -> Option<usize>,
    ) -> Result<usize, Refused> {
        let bytes = put(&mut self.values).ok_or(Refused::Unfit)?;
        self.rows.push(row);
        Ok(size_of::<u32>() + bytes)
    }

    /// Gives back what `row` brought.
    pub(super) fn forget(&mut self, row: u32) {
        if self.rows.pop_if(|last| *last == row).is_some() {
            self.values.pop();
        }
    }

    /// Whether a dictionary of the values would be much shorter than they are.
    pub(super) fn repeats(&self) -> bool {
        self.values.repeat()
    }

    /// Writes the values of the first `rows` rows, which is all there are, and is empty again.
    pub(super) fn write(
        &mut self,
        rows: u32,
        mut writer: SerializedColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        let values = self.values.take();
        let mut levels = Vec::new();
        let mut done = 0;
        let mut first = 0;
        while first < rows {
            let end = rows.min(first.saturating_add(BATCH_ROWS));
            let here = self.rows[done..].partition_point(|row| *row < end);
            let batch = done..done + here;
            levels.clear();
            levels.resize((end - first) as usize, 0);
            for row in &self.rows[batch.clone()] {
                levels[(row - first) as usize] = 1;
            }
            let levels = (self.repetition == Repetition::OPTIONAL).then_some(levels.as_slice());
            values.write(batch, levels, &mut writer)?;
            (first, done) = (end, done + here);
        }
        self.rows.clear();
        writer.close()?;
        self.values.reuse(values);
        Ok(())
    }
}
