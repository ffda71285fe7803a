//! CSV as RFC 4180 says: CRLF, quotes where needed, a header, the same number of cells in every row.

mod rows;

use self::rows::Rows;
use super::columns::Columns;
use super::{FormatError, RecordView};

/// Choices of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CsvOptions {
    /// What happens to texts that a spreadsheet would run.
    pub formulas: Formulas,
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
}

impl CsvEncoder {
    /// An encoder for these columns, in this order: see [`columns_of`](super::columns_of). Fields that are no column are left out.
    #[must_use]
    pub fn new(columns: Vec<String>, options: CsvOptions) -> Self {
        Self {
            columns: Columns::new(columns),
            rows: Rows::new(options.formulas),
        }
    }

    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        for name in self.columns.names() {
            self.rows.text(name, out);
        }
        self.rows.end(out);
    }

    pub(super) fn record(
        &mut self,
        record: &RecordView<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let start = out.len();
        self.row(record, out).map_err(|cause| {
            out.truncate(start);
            self.rows.forget();
            FormatError::payload(record, cause)
        })
    }

    fn row(&mut self, record: &RecordView<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let values = self.columns.read(record.payload)?;
        for (index, value) in values.into_iter().enumerate() {
            match value {
                Some(json) => self.rows.json(json.get(), out)?,
                // A vendor that keeps the id elsewhere still gets rows that can be told apart.
                None if self.columns.is_id(index) => self.rows.text(record.external_id, out),
                None => self.rows.cell(b"", out),
            }
        }
        self.rows.end(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
