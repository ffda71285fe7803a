//! CSV: the first line names the columns, each further one is a record of texts.

use std::collections::HashSet;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::text::{Bad, MAX_ROW_BYTES, Step};

/// A line may name no more columns.
const MAX_COLUMNS: usize = 16_384;

/// How the CSV of a connection is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CsvRules {
    pub delimiter: u8,
    /// `None` where nothing is quoted.
    pub quote: Option<u8>,
    pub header: Header,
}

/// What the first line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// The columns' names.
    Names,
    /// A record; columns are named `column_1`, `column_2` …
    Record,
}

/// Reads lines one by one.
#[derive(Debug)]
pub(super) struct Csv {
    header: Header,
    reader: Box<Reader>,
    /// The columns' names in JSON; empty until the first line was seen.
    columns: Vec<String>,
    values: Vec<u8>,
    ends: Vec<usize>,
}

/// What stands at the beginning of a text.
enum Line {
    /// A line of so many bytes; its values are in `values` and `ends`.
    Read {
        used: usize,
        fields: usize,
    },
    More,
    /// A line that goes on to the end of the text, because a quote is not closed.
    Unclosed,
    End,
}

impl Csv {
    pub(super) fn new(rules: &CsvRules) -> Self {
        let reader = ReaderBuilder::new()
            .delimiter(rules.delimiter)
            .quote(rules.quote.unwrap_or(b'"'))
            .quoting(rules.quote.is_some())
            .terminator(Terminator::CRLF)
            .build();
        Self {
            header: rules.header,
            reader: Box::new(reader),
            columns: Vec::new(),
            values: vec![0; 4 << 10],
            ends: vec![0; 64],
        }
    }

    /// Whether the columns are known: they are said at the beginning of an object only.
    pub(super) fn knows_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    /// The next record.
    pub(super) fn step(&mut self, text: &[u8], is_all: bool) -> Step {
        let is_blank = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
        let blank = text.iter().take_while(is_blank).count();
        if blank > 0 {
            return Step::Passed { used: blank };
        }
        let mut begin = 0;
        if !self.knows_columns() {
            match self.line(text, is_all) {
                Line::More => return Step::More,
                Line::Unclosed => return unclosed(),
                Line::End => return Step::End,
                Line::Read { used, fields } => {
                    if let Err(wrong) = self.name_columns(fields) {
                        return Step::Broken(wrong);
                    }
                    if self.header == Header::Names {
                        begin = used;
                    }
                }
            }
        }
        match self.line(&text[begin..], is_all) {
            // The names count as read: they are not looked for again.
            Line::More if begin > 0 => Step::Passed { used: begin },
            Line::More => Step::More,
            Line::Unclosed => unclosed(),
            Line::End => Step::End,
            Line::Read { used, fields } => Step::Made {
                row: self.record(fields),
                raw: begin..begin + used,
                used: begin + used,
            },
        }
    }

    fn line(&mut self, text: &[u8], is_all: bool) -> Line {
        // To be given nothing means the end to it.
        if text.is_empty() {
            return if is_all { Line::End } else { Line::More };
        }
        loop {
            // As between two lines; and as one that has read before, or it would take a byte order mark away.
            self.reader.reset();
            self.reader.read_record(b"\n", &mut [], &mut []);
            let (mut used, mut wrote, mut fields) = (0, 0, 0);
            // The last line is read as if it were ended: only one whose quote is not closed goes on after that.
            let mut ending = &b"\n"[..];
            loop {
                let rest = if used < text.len() {
                    &text[used..]
                } else {
                    std::mem::take(&mut ending)
                };
                let (result, read, written, ended) = self.reader.read_record(
                    rest,
                    &mut self.values[wrote..],
                    &mut self.ends[fields..],
                );
                used += read;
                wrote += written;
                fields += ended;
                match result {
                    ReadRecordResult::InputEmpty if !is_all => return Line::More,
                    // The next round gives it what ends a line, the one after that nothing.
                    ReadRecordResult::InputEmpty => {}
                    ReadRecordResult::OutputFull => {
                        self.values.resize(self.values.len() * 2, 0);
                        break;
                    }
                    ReadRecordResult::OutputEndsFull => {
                        self.ends.resize(self.ends.len() * 2, 0);
                        break;
                    }
                    ReadRecordResult::Record if read == 0 => return Line::Unclosed,
                    ReadRecordResult::Record => {
                        let used = used.min(text.len());
                        return Line::Read { used, fields };
                    }
                    ReadRecordResult::End => return Line::End,
                }
            }
        }
    }

    fn values(&self, fields: usize) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(&0).chain(&self.ends);
        let pairs = begins.zip(&self.ends[..fields]);
        pairs.map(|(begin, end)| &self.values[*begin..*end])
    }

    /// Takes the line that was just read for the names of the columns, or only for their number. A name that is empty or
    /// came before is told apart by its place.
    fn name_columns(&mut self, fields: usize) -> Result<(), String> {
        if fields > MAX_COLUMNS {
            return Err(format!(
                "has {fields} columns; {MAX_COLUMNS} are read at most"
            ));
        }
        let mut names: HashSet<String> = HashSet::with_capacity(fields);
        let mut columns = Vec::with_capacity(fields);
        for (place, value) in self.values(fields).enumerate() {
            let place = place + 1;
            let said = match self.header {
                Header::Names => std::str::from_utf8(value)
                    .map_err(|_| "is not UTF-8")?
                    .trim(),
                Header::Record => "",
            };
            let mut name = if said.is_empty() {
                format!("column_{place}")
            } else {
                said.to_owned()
            };
            while names.contains(&name) {
                name = format!("{name}_{place}");
            }
            columns.push(serde_json::to_string(&name).map_err(|error| error.to_string())?);
            names.insert(name);
        }
        self.columns = columns;
        Ok(())
    }

    /// The line that was just read, as JSON.
    fn record(&self, fields: usize) -> Result<String, Bad> {
        if fields != self.columns.len() {
            let message = format!(
                "the line has {fields} values for {} columns",
                self.columns.len()
            );
            return Err(Bad::new("ragged-row", message));
        }
        let mut json = String::with_capacity(self.ends[fields - 1] + 16 * fields);
        for (column, value) in self.columns.iter().zip(self.values(fields)) {
            let value = std::str::from_utf8(value).map_err(|_| Bad::not_utf8())?;
            let value = serde_json::to_string(value)
                .map_err(|error| Bad::new("unreadable-record", error.to_string()))?;
            json.push(if json.is_empty() { '{' } else { ',' });
            json.push_str(column);
            json.push(':');
            json.push_str(&value);
            if json.len() > MAX_ROW_BYTES {
                return Err(Bad::too_long());
            }
        }
        json.push('}');
        Ok(json)
    }
}

/// All that follows the quote would be one value, and the rows in it would pass for deleted.
fn unclosed() -> Step {
    Step::Broken("has a quote that is never closed".to_owned())
}
