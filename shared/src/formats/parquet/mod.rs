//! Apache Parquet: typed columns, compressed, a row group at a time.
//!
//! ```text
//! record ─▶ columns, in memory ─▶ (enough of them) row group ─▶ the caller's buffer … ─▶ footer
//! ```

mod column;
mod decimals;
mod footer;
mod schema;
mod values;
mod writer;

use ::parquet::file::metadata::KeyValue;

use self::column::{Column, Refused};
use self::writer::Writer;
use super::fields::{Columns, ID, Values};
use super::survey::{Field, Kind};
use super::{FormatError, RecordView};

pub use ::parquet::errors::ParquetError;

/// When a row group is written: when it has so many rows, or when the values that wait for it take up so many bytes. While
/// it is written, all of that takes about two to three times as much memory.
#[derive(Debug)]
struct Room {
    rows: u32,
    bytes: usize,
}

const ROOM: Room = Room {
    rows: 100_000,
    bytes: 16 << 20,
};
/// The column that [`ParquetOptions::raw`] adds.
const RAW: &str = "_raw";

/// Choices of a Parquet file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ParquetOptions {
    /// Whether a last column `_raw` holds the whole record as JSON. A field of that name then has no column.
    pub raw: bool,
}

/// Writes records as rows of typed columns. What the footer says of each column of each row group is kept until the
/// end: its name, and mostly 105 to 140 bytes, of long texts up to 220.
#[derive(Debug)]
pub struct ParquetEncoder {
    names: Columns,
    columns: Vec<Column>,
    raw: Option<Column>,
    /// What waits to be written.
    rows: u32,
    bytes: usize,
    room: Room,
    writer: Box<Writer>,
}

impl ParquetEncoder {
    /// An encoder for these fields, in this order: see [`Survey::fields`](super::Survey::fields). Fields that are none of them
    /// are left out. The footer keeps `metadata`, names and values.
    ///
    /// # Errors
    /// [`FormatError::Parquet`], when a file cannot have such fields.
    pub fn new(
        mut fields: Vec<Field>,
        options: ParquetOptions,
        metadata: Vec<(String, String)>,
    ) -> Result<Self, FormatError> {
        fields.retain(|field| !(options.raw && field.name == RAW));
        if fields.is_empty() {
            fields.push(field(ID, Kind::Text));
        }
        let names = fields.iter().map(|field| field.name.clone()).collect();
        let raw = options.raw.then(|| field(RAW, Kind::Json));
        let schema = schema::schema(fields.iter().chain(&raw))?;
        let metadata = metadata
            .into_iter()
            .map(|(name, value)| KeyValue::new(name, value));
        Ok(Self {
            names: Columns::new(names),
            columns: fields.into_iter().map(Column::new).collect(),
            raw: raw.map(Column::new),
            rows: 0,
            bytes: 0,
            room: ROOM,
            writer: Box::new(Writer::new(schema, metadata.collect())?),
        })
    }

    pub(super) fn columns(&self) -> &[String] {
        self.names.names()
    }

    pub(super) fn record(
        &mut self,
        record: &RecordView<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let values = self.names.read(record.payload);
        let values = values.map_err(|cause| FormatError::payload(record, cause))?;
        self.row(record, &values, out)
    }

    pub(super) fn row(
        &mut self,
        record: &RecordView<'_>,
        values: &Values<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        match self.add(record, values) {
            Ok(bytes) => self.bytes += bytes,
            Err(refused) => {
                for column in self.columns.iter_mut().chain(&mut self.raw) {
                    column.forget(self.rows);
                }
                return Err(refused);
            }
        }
        self.rows += 1;
        if self.rows >= self.room.rows || self.bytes >= self.room.bytes {
            self.write_group(out)?;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        if self.rows > 0 {
            self.write_group(out)?;
        }
        // Their room is not needed beside the footer.
        (self.columns, self.raw) = (Vec::new(), None);
        Ok(self.writer.finish(out)?)
    }

    /// Adds a row; how many bytes it takes up.
    fn add(&mut self, record: &RecordView<'_>, values: &Values<'_>) -> Result<usize, FormatError> {
        let mut bytes = 0;
        for (index, column) in self.columns.iter_mut().enumerate() {
            let taken = match values.get(index).copied().flatten() {
                Some(json) => column.json(self.rows, json.get()),
                // A vendor that keeps the id elsewhere still gets rows that can be told apart.
                None if self.names.is_id(index) => column.text(self.rows, record.external_id),
                None => column.nothing(),
            };
            bytes += taken.map_err(|why| refused(record, column, why))?;
        }
        if let Some(raw) = &mut self.raw {
            let taken = raw.json(self.rows, record.payload);
            bytes += taken.map_err(|why| refused(record, raw, why))?;
        }
        Ok(bytes)
    }

    fn write_group(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let columns = self.columns.iter_mut().chain(&mut self.raw);
        self.writer.group(self.rows, columns, out)?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

/// A field that the survey does not know of.
fn field(name: &str, kind: Kind) -> Field {
    Field {
        name: name.to_owned(),
        kind,
        has_nulls: false,
        is_sparse: true,
    }
}

fn refused(record: &RecordView<'_>, column: &Column, why: Refused) -> FormatError {
    match why {
        Refused::Unreadable(cause) => FormatError::payload(record, cause),
        Refused::Unfit => FormatError::Unfit {
            external_id: record.external_id.to_owned(),
            field: column.field().name.clone(),
            kind: column.field().kind,
        },
    }
}

#[cfg(test)]
mod tests;
