//! JSON: one array of all records, or a record a line.
//!
//! A record is written as it is spelled in the store, so that every number keeps every digit. One with line breaks
//! between its tokens, which Postgres never makes, loses its blanks, for a record is one line in both layouts.

use super::fields::{Columns, Values};
use super::{FormatError, RecordView, tokens};
use crate::domain::JsonLayout;

/// Writes records as JSON objects.
#[derive(Debug)]
pub struct JsonEncoder {
    layout: JsonLayout,
    chosen: Option<Chosen>,
    is_begun: bool,
}

/// The fields that are written, and their names as JSON.
#[derive(Debug)]
struct Chosen {
    columns: Columns,
    spelled: Vec<String>,
}

impl JsonEncoder {
    /// An encoder of whole records, or of these fields of them, in this order. A field that a record does not have is
    /// left out; one that is null stays null.
    #[must_use]
    pub fn new(layout: JsonLayout, fields: Option<Vec<String>>) -> Self {
        Self {
            layout,
            chosen: fields.map(Chosen::new),
            is_begun: false,
        }
    }

    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        match self.layout {
            JsonLayout::Array => out.push(b'['),
            JsonLayout::Lines => {}
        }
    }

    pub(super) fn columns(&self) -> &[String] {
        self.chosen
            .as_ref()
            .map_or(&[], |chosen| chosen.columns.names())
    }

    pub(super) fn record(
        &mut self,
        record: &RecordView<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let read = match &mut self.chosen {
            Some(chosen) => chosen.columns.read(record.payload),
            None => tokens::check_object(record.payload).map(|()| Values::new()),
        };
        let values = read.map_err(|cause| FormatError::payload(record, cause))?;
        self.row(record, &values, out);
        Ok(())
    }

    pub(super) fn row(&mut self, record: &RecordView<'_>, values: &Values<'_>, out: &mut Vec<u8>) {
        match self.layout {
            JsonLayout::Array if self.is_begun => out.extend_from_slice(b",\n"),
            JsonLayout::Array => out.push(b'\n'),
            JsonLayout::Lines => {}
        }
        match &self.chosen {
            Some(chosen) => chosen.object(values, out),
            None => one_line(record.payload, out),
        }
        match self.layout {
            JsonLayout::Array => {}
            JsonLayout::Lines => out.push(b'\n'),
        }
        self.is_begun = true;
    }

    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        match self.layout {
            JsonLayout::Array if self.is_begun => out.extend_from_slice(b"\n]\n"),
            JsonLayout::Array => out.extend_from_slice(b"]\n"),
            JsonLayout::Lines => {}
        }
    }
}

impl Chosen {
    fn new(fields: Vec<String>) -> Self {
        let columns = Columns::new(fields);
        let spelled = columns.names().iter();
        Self {
            spelled: spelled
                .map(|name| format!("{}: ", serde_json::Value::from(name.as_str())))
                .collect(),
            columns,
        }
    }

    fn object(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        let present = self.spelled.iter().zip(values);
        let mut before = "{";
        for (name, value) in present.filter_map(|(name, value)| Some((name, (*value)?))) {
            out.extend_from_slice(before.as_bytes());
            out.extend_from_slice(name.as_bytes());
            one_line(value.get(), out);
            before = ", ";
        }
        out.extend_from_slice(if before == "{" { b"{}" } else { b"}" });
    }
}

fn one_line(json: &str, out: &mut Vec<u8>) {
    let bytes = json.as_bytes();
    // No string has one: JSON escapes it there.
    if bytes.contains(&b'\n') || bytes.contains(&b'\r') {
        tokens::compact(json, out);
    } else {
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests;
