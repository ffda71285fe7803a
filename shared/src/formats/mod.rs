//! How records become the bytes of a file: pure, one encoder per format, in bounded memory.
//!
//! ```text
//! begin ─▶ record … record ─▶ finish      each appends to the buffer it is given; the caller empties it
//! ```

mod csv;
mod fields;
mod json;
mod options;
mod packing;
mod parquet;
mod survey;
mod tokens;
mod xml;

use self::parquet::ParquetError;

pub use self::csv::{CsvEncoder, CsvOptions, Formulas};
pub use self::fields::{Values, columns_of};
pub use self::json::JsonEncoder;
pub use self::options::FileOptions;
pub use self::packing::Packer;
pub use self::parquet::{ParquetEncoder, ParquetOptions};
pub use self::survey::{Field, Kind, Survey};
pub use self::xml::{XmlEncoder, schema as xml_schema};

/// One record as the store hands it out.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    /// The vendor's id of it.
    pub external_id: &'a str,
    /// What the vendor sent: the text of a JSON object.
    pub payload: &'a str,
}

/// Why a record cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The payload is not the text of a JSON object.
    #[error("record {external_id:?} is not a readable JSON object")]
    Payload {
        /// Which record.
        external_id: String,
        /// What the reader stumbled over.
        #[source]
        cause: serde_json::Error,
    },
    /// Records have more different fields than a file can have columns.
    #[error("the records have more than {most} different fields")]
    TooManyFields {
        /// How many there may be.
        most: usize,
    },
    /// A value is not what the survey found in its field.
    #[error("record {external_id:?}: the field {field:?} holds something else than {kind:?}")]
    Unfit {
        /// Which record.
        external_id: String,
        /// Which of its fields.
        field: String,
        /// What the field should hold.
        kind: Kind,
    },
    /// What the Parquet library refuses to write. The file cannot go on.
    #[error("a Parquet file cannot be written")]
    Parquet(#[from] ParquetError),
    /// The file cannot be compressed.
    #[error("the file cannot be compressed")]
    Packing {
        /// What the library says.
        #[source]
        cause: std::io::Error,
    },
}

impl FormatError {
    /// That this record cannot be read.
    #[must_use]
    pub fn payload(record: &RecordView<'_>, cause: serde_json::Error) -> Self {
        Self::Payload {
            external_id: record.external_id.to_owned(),
            cause,
        }
    }
}

/// Writes one file. Every call appends whole rows to `out`; a refused record leaves `out` as it was.
#[derive(Debug)]
pub enum Encoder {
    /// Comma-separated values.
    Csv(CsvEncoder),
    /// A JSON array, or a JSON object a line.
    Json(JsonEncoder),
    /// An XML document.
    Xml(XmlEncoder),
    /// Apache Parquet.
    Parquet(ParquetEncoder),
}

impl Encoder {
    /// What stands before the first record.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Csv(csv) => csv.begin(out),
            Self::Json(json) => json.begin(out),
            Self::Xml(xml) => xml.begin(out),
            // What it begins with comes with the first records.
            Self::Parquet(_) => {}
        }
    }

    /// One record.
    ///
    /// # Errors
    /// [`FormatError`], when the record cannot be written; but for [`FormatError::Parquet`], the file can go on without it.
    pub fn record(
        &mut self,
        record: &RecordView<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        match self {
            Self::Csv(csv) => csv.record(record, out),
            Self::Json(json) => json.record(record, out),
            Self::Xml(xml) => xml.record(record, out),
            Self::Parquet(parquet) => parquet.record(record, out),
        }
    }

    /// One record that was read before, by a survey that knows the [columns](Self::columns) of this encoder first. The names are
    /// the [survey's](Survey::names), which is the same for all records.
    ///
    /// # Errors
    /// As of [`Self::record`].
    pub fn row(
        &mut self,
        record: &RecordView<'_>,
        names: &[String],
        values: &Values<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        match self {
            Self::Csv(csv) => csv.row(record, values, out),
            Self::Json(json) => {
                json.row(record, values, out);
                Ok(())
            }
            Self::Xml(xml) => xml.row(record, names, values, out),
            Self::Parquet(parquet) => parquet.row(record, values, out),
        }
    }

    /// The fields that it writes, in their order; none where it writes whatever a record has.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Csv(csv) => csv.columns(),
            Self::Json(json) => json.columns(),
            Self::Xml(xml) => xml.columns(),
            Self::Parquet(parquet) => parquet.columns(),
        }
    }

    /// What stands after the last record.
    ///
    /// # Errors
    /// [`FormatError`], when the end of the file cannot be written. The text formats always can.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        match self {
            Self::Csv(_) => {}
            Self::Json(json) => json.finish(out),
            Self::Xml(xml) => xml.finish(out),
            Self::Parquet(parquet) => return parquet.finish(out),
        }
        Ok(())
    }
}

#[cfg(test)]
mod samples;
