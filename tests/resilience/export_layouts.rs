//! How the exports of the scenarios lay records down, and how one sees that a file of them is whole.

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

/// A format, with options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Csv,
    /// JSON, a record a line, packed by zstd.
    PackedLines,
    Xml,
    Parquet,
}

impl Layout {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Csv, Self::PackedLines, Self::Xml, Self::Parquet];

    /// As an export names it.
    pub fn format(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::PackedLines => "JSON",
            Self::Xml => "XML",
            Self::Parquet => "PARQUET",
        }
    }

    /// The options of an export.
    pub fn options(self) -> Value {
        match self {
            Self::PackedLines => json!({"layout": "LINES", "compression": "ZSTD"}),
            _ => json!({}),
        }
    }

    /// Of a file of records, by its name; `None` of what stands beside such.
    pub fn of(path: &str) -> Option<Self> {
        let (_, ending) = path.rsplit_once('.')?;
        match ending {
            "csv" => Some(Self::Csv),
            "zst" => Some(Self::PackedLines),
            "xml" => Some(Self::Xml),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// How many records a file holds; `None` when it is not whole.
    pub fn count(self, content: &[u8]) -> Option<usize> {
        match self {
            Self::Csv => {
                (lines(content) > 0 && content.ends_with(b"\r\n")).then(|| lines(content) - 1)
            }
            Self::PackedLines => {
                let plain = zstd::decode_all(content).ok()?;
                plain.ends_with(b"\n").then(|| lines(&plain))
            }
            Self::Xml => {
                let text = std::str::from_utf8(content).ok()?;
                let whole = text.ends_with("</records>\n");
                whole.then(|| text.matches("<record ").count())
            }
            Self::Parquet => {
                let reader = SerializedFileReader::new(Bytes::copy_from_slice(content)).ok()?;
                let rows = reader.get_row_iter(None).ok()?;
                rows.collect::<Result<Vec<_>, _>>().ok().map(|it| it.len())
            }
        }
    }

    /// What is alike in every file of the same records.
    pub fn records(self, content: &[u8]) -> &[u8] {
        match (self, content) {
            // The footer names the run.
            (Self::Parquet, [.., a, b, c, d, _, _, _, _]) => {
                let footer = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
                &content[..content.len().saturating_sub(footer + 8)]
            }
            _ => content,
        }
    }
}

fn lines(content: &[u8]) -> usize {
    std::str::from_utf8(content).map_or(0, |text| text.matches('\n').count())
}
