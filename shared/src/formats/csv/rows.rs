//! Cells and row ends, quoted by the csv library.

use super::Formulas;

/// Appends rows to a buffer, cell by cell.
#[derive(Debug)]
pub(super) struct Rows {
    writer: csv_core::Writer,
    place: Place,
    formulas: Formulas,
    rewritten: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    RowStart,
    AfterCell,
}

impl Rows {
    pub(super) fn new(formulas: Formulas) -> Self {
        Self {
            writer: rfc4180(),
            place: Place::RowStart,
            formulas,
            rewritten: Vec::new(),
        }
    }

    /// One cell holding a JSON value.
    pub(super) fn json(&mut self, json: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match json.as_bytes().first() {
            Some(b'"') => {
                let inside = json.get(1..json.len() - 1).unwrap_or_default();
                if inside.as_bytes().contains(&b'\\') {
                    self.text(&serde_json::from_str::<String>(json)?, out);
                } else {
                    self.text(inside, out);
                }
            }
            Some(b'n') => self.cell(b"", out),
            Some(b'{' | b'[') => {
                let mut compact = std::mem::take(&mut self.rewritten);
                without_blanks(json, &mut compact);
                self.cell(&compact, out);
                self.rewritten = compact;
            }
            _ => self.cell(json.as_bytes(), out),
        }
        Ok(())
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
        let start = out.len();
        // Every byte may be a quote to double; around them two quotes and the comma with the quote before it.
        out.resize(start + 2 * cell.len() + 4, 0);
        let mut end = start;
        if self.place == Place::AfterCell {
            end += self.writer.delimiter(&mut out[end..]).1;
        }
        end += self.writer.field(cell, &mut out[end..]).2;
        out.truncate(end);
        self.place = Place::AfterCell;
    }

    /// Ends the row.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        let start = out.len();
        // A closing quote, CR and LF; or the pair of quotes that tells a row of one empty cell from a blank line.
        out.resize(start + 4, 0);
        let written = self.writer.terminator(&mut out[start..]).1;
        out.truncate(start + written);
        self.place = Place::RowStart;
    }

    /// Starts the row again, after the caller took its cells away.
    pub(super) fn forget(&mut self) {
        self.writer = rfc4180();
        self.place = Place::RowStart;
    }
}

fn rfc4180() -> csv_core::Writer {
    csv_core::WriterBuilder::new()
        .terminator(csv_core::Terminator::CRLF)
        .build()
}

/// The same JSON without the blanks between its tokens.
fn without_blanks(json: &str, compact: &mut Vec<u8>) {
    compact.clear();
    let mut in_string = false;
    let mut escaped = false;
    for &byte in json.as_bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            continue;
        } else {
            in_string = byte == b'"';
        }
        compact.push(byte);
    }
}
