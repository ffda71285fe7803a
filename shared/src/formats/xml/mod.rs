//! XML that gives the same JSON when it is read back.
//!
//! ```text
//! <records entity="customers" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
//! <record id="cus_1"><id>cus_1</id><n type="number">1.50</n><x xsi:nil="true"/></record>
//! </records>
//! ```
//!
//! - A member is an element of its name, an element of an array is an `item`; both are in their order.
//! - An attribute `type` says `number`, `boolean`, `object` or `array`; without it a value is a string. Null is
//!   `xsi:nil="true"`, and what is absent has no element.
//! - What XML forbids in names or in texts is `_xHHHH_`, the character's number in four (or eight) hexadecimal digits, as
//!   ISO 9075-14 and .NET's `XmlConvert` write it: see [`names`] and [`text`].
//!
//! The bytes are written here, not by a library: what quick-xml's writer escapes is less than what has to be
//! escaped here, and a piece of JSON becomes a piece of XML without an event in between.

mod elements;
mod names;
mod schema;
mod text;

use self::elements::Elements;
use super::fields::{Columns, Values};
use super::tokens::check_object;
use super::{FormatError, RecordView};

pub use self::schema::schema;

/// What stands before the records says which prefix this is.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Writes records as elements of an XML 1.0 document, one a line.
#[derive(Debug)]
pub struct XmlEncoder {
    entity: String,
    chosen: Option<Columns>,
    elements: Elements,
}

impl XmlEncoder {
    /// An encoder of whole records of this entity, or of these fields of them, in this order. A field that a record does
    /// not have is left out; one that is null is there as nil.
    #[must_use]
    pub fn new(entity: String, fields: Option<Vec<String>>) -> Self {
        Self {
            entity,
            chosen: fields.map(Columns::new),
            elements: Elements::default(),
        }
    }

    pub(super) fn begin(&self, out: &mut Vec<u8>) {
        let entity = text::attribute(&self.entity);
        out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<records entity=\"");
        out.extend_from_slice(entity.as_bytes());
        out.extend_from_slice(b"\" xmlns:xsi=\"");
        out.extend_from_slice(XSI.as_bytes());
        out.extend_from_slice(b"\">\n");
    }

    pub(super) fn columns(&self) -> &[String] {
        self.chosen.as_ref().map_or(&[], Columns::names)
    }

    pub(super) fn record(
        &mut self,
        record: &RecordView<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let read = match &mut self.chosen {
            Some(columns) => columns.read(record.payload),
            None => check_object(record.payload).map(|()| Values::new()),
        };
        let values = read.map_err(|cause| FormatError::payload(record, cause))?;
        self.row(record, &values, out)
    }

    pub(super) fn row(
        &mut self,
        record: &RecordView<'_>,
        values: &Values<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let start = out.len();
        out.extend_from_slice(b"<record id=\"");
        out.extend_from_slice(text::attribute(record.external_id).as_bytes());
        out.extend_from_slice(b"\">");
        self.fields(record.payload, values, out).map_err(|cause| {
            out.truncate(start);
            FormatError::payload(record, cause)
        })?;
        out.extend_from_slice(b"</record>\n");
        Ok(())
    }

    fn fields(
        &mut self,
        payload: &str,
        values: &Values<'_>,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let Some(columns) = &self.chosen else {
            return self.elements.members(payload, out);
        };
        for (name, value) in columns.names().iter().zip(values) {
            if let Some(value) = value {
                self.elements.member(name, value, out)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</records>\n");
    }
}

#[cfg(test)]
mod tests;
