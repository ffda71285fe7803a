//! Cells and row ends; what needs quotes, and how to put them, the csv library knows.

use super::Formulas;
use crate::formats::tokens;

/// Appends rows to a buffer, cell by cell.
#[derive(Debug)]
pub(super) struct Rows {
    rules: csv_core::Writer,
    row: Row,
    formulas: Formulas,
    rewritten: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Row {
    Empty,
    OneEmptyCell,
    Begun,
}

impl Rows {
    pub(super) fn new(formulas: Formulas) -> Self {
        Self {
            rules: csv_core::Writer::new(),
            row: Row::Empty,
            formulas,
            rewritten: Vec::new(),
        }
    }

    /// One cell holding a JSON value.
    pub(super) fn json(&mut self, json: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match json.as_bytes().first() {
            Some(b'"') => self.text(&tokens::text_of(json)?, out),
            Some(b'n') => self.cell(b"", out),
            Some(b'{' | b'[') => self.compact(json, out),
            _ => self.cell(json.as_bytes(), out),
        }
        Ok(())
    }

    /// One cell holding an object or array.
    pub(super) fn compact(&mut self, json: &str, out: &mut Vec<u8>) {
        let mut compact = std::mem::take(&mut self.rewritten);
        compact.clear();
        tokens::compact(json, &mut compact);
        self.cell(&compact, out);
        self.rewritten = compact;
    }

    /// One cell holding a text, guarded where the options ask for it.
    pub(super) fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let runs = matches!(
            text.as_bytes().first(),
            Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')
        );
        if runs && self.formulas == Formulas::Guarded {
            self.cell(format!("'{text}").as_bytes(), out);
        } else {
            self.cell(text.as_bytes(), out);
        }
    }

    /// One cell holding these bytes.
    pub(super) fn cell(&mut self, cell: &[u8], out: &mut Vec<u8>) {
        self.row = match self.row {
            Row::Empty if cell.is_empty() => Row::OneEmptyCell,
            Row::Empty => Row::Begun,
            Row::OneEmptyCell | Row::Begun => {
                out.push(b',');
                Row::Begun
            }
        };
        if self.rules.should_quote(cell) {
            quoted(cell, out);
        } else {
            out.extend_from_slice(cell);
        }
    }

    /// Ends the row.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        // Without the quotes, a row of one empty cell would be a blank line, which readers skip.
        let end: &[u8] = match self.row {
            Row::OneEmptyCell => b"\"\"\r\n",
            Row::Empty | Row::Begun => b"\r\n",
        };
        out.extend_from_slice(end);
        self.row = Row::Empty;
    }

    /// Starts the row again, after the caller took its cells away.
    pub(super) fn forget(&mut self) {
        self.row = Row::Empty;
    }
}

fn quoted(cell: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    // Room for every byte being a quote to double.
    out.resize(start + 2 * cell.len(), 0);
    let (_, _, written) = csv_core::quote(cell, &mut out[start..], b'"', b'"', true);
    out.truncate(start + written);
    out.push(b'"');
}
