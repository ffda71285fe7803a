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
use self::names::element_name;
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
    /// What the elements of fields are called, in the order of a record's values.
    names: Vec<String>,
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
            names: Vec::new(),
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
        let refused = |cause| FormatError::payload(record, cause);
        if let Some(columns) = &mut self.chosen {
            let values = columns.read(record.payload).map_err(refused)?;
            return self.row(record, &[], &values, out);
        }
        check_object(record.payload).map_err(refused)?;
        enclose(record, out, |out| {
            self.elements.members(record.payload, out)
        })
    }

    pub(super) fn row(
        &mut self,
        record: &RecordView<'_>,
        names: &[String],
        values: &Values<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        let is_whole = self.chosen.is_none();
        let fields = self.chosen.as_ref().map_or(names, Columns::names);
        let new = fields.iter().skip(self.names.len());
        self.names
            .extend(new.map(|field| element_name(field).into_owned()));
        let mut members = Vec::with_capacity(values.len());
        let named = self.names.iter().zip(values);
        members.extend(named.filter_map(|(name, value)| Some((name, (*value)?))));
        if is_whole {
            // As they stand in the record.
            members.sort_unstable_by_key(|(_, value)| value.get().as_ptr());
        }
        enclose(record, out, |out| {
            let mut members = members.into_iter();
            members.try_for_each(|(name, value)| self.elements.value(name, value, out))
        })
    }

    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</records>\n");
    }
}

/// Appends the element of a record, or nothing when what is to be within it is refused.
fn enclose(
    record: &RecordView<'_>,
    out: &mut Vec<u8>,
    within: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> Result<(), FormatError> {
    let start = out.len();
    out.extend_from_slice(b"<record id=\"");
    out.extend_from_slice(text::attribute(record.external_id).as_bytes());
    out.extend_from_slice(b"\">");
    within(out).map_err(|cause| {
        out.truncate(start);
        FormatError::payload(record, cause)
    })?;
    out.extend_from_slice(b"</record>\n");
    Ok(())
}

#[cfg(test)]
mod tests;
