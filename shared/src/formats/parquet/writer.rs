//! A file, row group by row group.

use std::sync::Arc;

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::Result;
use ::parquet::file::metadata::{FileMetaData, KeyValue};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use ::parquet::file::writer::{SerializedRowGroupWriter, TrackedWrite};
use ::parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, TypePtr};

use super::column::Column;
use super::footer::{Footer, MAGIC};

/// A dictionary that is longer does not pay: most of its texts come once.
const DICTIONARY_BYTES: usize = 256 << 10;
/// Above it, smaller files cost more time than they save.
const ZSTD_LEVEL: i32 = 1;

/// The number that each row group gets, which is too large to be written: readers count, and beyond 32,767 row groups no
/// file may have numbers.
pub(super) const NO_ORDINAL: i32 = i32::MAX;

/// Writes row groups, and in the end the footer.
pub(super) struct Writer {
    schema: SchemaDescPtr,
    properties: WriterPropertiesBuilder,
    buffer: TrackedWrite<Vec<u8>>,
    footer: Footer,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Writer");
        shown.field("footer", &self.footer).finish_non_exhaustive()
    }
}

impl Writer {
    /// A file of such columns. The footer keeps `metadata`.
    pub(super) fn new(schema: TypePtr, metadata: Vec<KeyValue>) -> Result<Self> {
        let schema = Arc::new(SchemaDescriptor::new(schema));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            .set_dictionary_page_size_limit(DICTIONARY_BYTES)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            // Those who read a file row group by row group need none; it would be kept until the end.
            .set_offset_index_disabled(true);
        let chosen = properties.clone().build();
        let file = FileMetaData::new(
            chosen.writer_version().as_num(),
            0,
            Some(chosen.created_by().to_owned()),
            Some(metadata),
            schema.clone(),
            None,
        );
        let mut buffer = TrackedWrite::new(Vec::new());
        std::io::Write::write_all(&mut buffer, MAGIC)?;
        Ok(Self {
            footer: Footer::new(file)?,
            schema,
            properties,
            buffer,
        })
    }

    /// Writes a row group of the columns' first `rows` rows, which is all there are, and leaves them empty.
    pub(super) fn group<'a>(
        &mut self,
        rows: u32,
        columns: impl Iterator<Item = &'a mut Column>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let columns: Vec<&mut Column> = columns.collect();
        let properties = columns.iter().zip(self.schema.columns()).fold(
            self.properties.clone(),
            |properties, (column, described)| {
                let path = described.path().clone();
                properties.set_column_dictionary_enabled(path, column.repeats())
            },
        );
        let mut group = SerializedRowGroupWriter::new(
            self.schema.clone(),
            Arc::new(properties.build()),
            &mut self.buffer,
            NO_ORDINAL,
            None,
        );
        for column in columns {
            if let Some(writer) = group.next_column()? {
                column.write(rows, writer)?;
            }
        }
        let written = group.close()?;
        self.footer.add(Arc::unwrap_or_clone(written))?;
        self.hand_over(out)
    }

    /// Writes the end of the file.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.hand_over(out)?;
        self.footer.write(out)
    }

    #[cfg(test)]
    pub(super) fn footer(&self) -> &Footer {
        &self.footer
    }

    fn hand_over(&mut self, out: &mut Vec<u8>) -> Result<()> {
        std::io::Write::flush(&mut self.buffer)?;
        out.append(self.buffer.inner_mut());
        Ok(())
    }
}
