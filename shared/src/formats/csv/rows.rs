//! Cells and row ends; what needs quotes, and how to put them, the csv library knows.

use super::Formulas;

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

/// The same JSON without the blanks between its tokens.
fn without_blanks(json: &str, compact: &mut Vec<u8>) {
    compact.clear();
    let mut rest = json.as_bytes();
    while let Some(end) = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b' ' | b'\n' | b'\r' | b'\t'))
    {
        compact.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
        let skipped = if rest[0] == b'"' {
            let string = string_length(rest);
            compact.extend_from_slice(&rest[..string]);
            string
        } else {
            1
        };
        rest = &rest[skipped..];
    }
    compact.extend_from_slice(rest);
}

/// The length of the JSON string that `json` begins with, quotes included.
fn string_length(json: &[u8]) -> usize {
    let mut end = 1;
    while let Some(next) = json[end..]
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\'))
    {
        end += next + 1;
        if json[end - 1] == b'"' {
            return end;
        }
        // What a backslash stands before is never the end.
        end += 1;
    }
    json.len()
}
