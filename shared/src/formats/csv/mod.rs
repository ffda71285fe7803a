//! CSV as RFC 4180 says: CRLF, quotes where needed, a header, the same number of cells in every row.

mod leaves;
mod rows;

use self::rows::Rows;
use super::fields::{Columns, Values};
use super::{FormatError, RecordView};
use crate::domain::Nested;

pub use self::leaves::leaves;

/// The column that holds the whole record, where the options ask for it.
const RAW: &str = "_raw";

/// Choices of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CsvOptions {
    /// What happens to texts that a spreadsheet would run.
    pub formulas: Formulas,
    /// What happens to objects within a record.
    pub nested: Nested,
    /// Whether there is a last column `_raw` with the whole record as compact JSON. A field of that name is then left
    /// out: it is still in the record.
    pub raw: bool,
}

/// What happens to texts that a spreadsheet would take for a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Formulas {
    /// They are written as they are.
    #[default]
    Verbatim,
    /// Those that begin with `=`, `+`, `-`, `@`, a tab or a carriage return get a `'` in front. Numbers do not.
    Guarded,
}

/// Writes records as rows. A cell is a text without its quotes, a number or truth value as spelled, nothing for null
/// or an absent field, and compact JSON for what is nested.
#[derive(Debug)]
pub struct CsvEncoder {
    columns: Columns,
    rows: Rows,
    nested: Nested,
    raw: bool,
}

impl CsvEncoder {
    /// An encoder for these columns, in this order, each once: see [`columns_of`](super::columns_of). Fields that are no
    /// column are left out, a column that is no field is empty.
    #[must_use]
    pub fn new(mut columns: Vec<String>, options: CsvOptions) -> Self {
        columns.retain(|name| !options.raw || name != RAW);
        Self {
            columns: Columns::new(columns),
            rows: Rows::new(options.formulas),
            nested: options.nested,
            raw: options.raw,
        }
    }

    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        for name in self.columns.names() {
            self.rows.text(name, out);
        }
        if self.raw {
            self.rows.text(RAW, out);
        }
        self.rows.end(out);
    }

    pub(super) fn columns(&self) -> &[String] {
        self.columns.names()
    }

    pub(super) fn record(
        &mut self,
        record: &RecordView<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let values = match self.nested {
            Nested::Json => self.columns.read(record.payload),
            Nested::Flattened => self.columns.read_leaves(record.payload),
        };
        let values = values.map_err(|cause| FormatError::payload(record, cause))?;
        self.row(record, &values, out)
    }

    pub(super) fn row(
        &mut self,
        record: &RecordView<'_>,
        values: &Values<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let start = out.len();
        self.cells(record, values, out).map_err(|cause| {
            out.truncate(start);
            self.rows.forget();
            FormatError::payload(record, cause)
        })
    }

    fn cells(
        &mut self,
        record: &RecordView<'_>,
        values: &Values<'_>,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        for index in 0..self.columns.names().len() {
            match values.get(index).copied().flatten() {
                Some(json) => self.rows.json(json.get(), out)?,
                // A vendor that keeps the id elsewhere still gets rows that can be told apart.
                None if self.columns.is_id(index) => self.rows.text(record.external_id, out),
                None => self.rows.cell(b"", out),
            }
        }
        if self.raw {
            self.rows.compact(record.payload, out);
        }
        self.rows.end(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
