//! The footer, kept as the file will have it.
//!
//! The library keeps some 850 bytes for each column of each row group until the end of a file, and copies them there. The
//! file spells them in the column's name and 105 to 140 bytes, of long texts up to 220. So each row group is spelled when it
//! is complete, by the library, and cut out of the footer that a file of this row group alone would have.
//!
//! ```text
//! head ─ number of rows ─ list of row groups ─ tail        (Thrift's compact protocol)
//! ```

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};

/// Fields 3 (`num_rows`) and 4 (`row_groups`) of a file that has none, after the type of field 3.
const NOTHING: [u8; 3] = [0, GROUPS_FIELD, STRUCTS];
/// What begins field 4: one more than the field before, and a list.
const GROUPS_FIELD: u8 = 0x19;
/// What begins a list of structs; above it its length, where that is below [`LONG`].
const STRUCTS: u8 = 0x0c;
const LONG: usize = 15;
/// What a file begins and ends with.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// The length of the footer, and the magic number.
const ENDING: usize = size_of::<u32>() + MAGIC.len();

/// What a file's end says of all that is before it.
#[derive(Debug)]
pub(super) struct Footer {
    file: FileMetaData,
    /// The footer of a file without row groups.
    empty: Vec<u8>,
    /// Where that has [`NOTHING`]: known with the first row group.
    at: usize,
    rows: i64,
    groups: usize,
    /// The row groups, one after the other.
    spelled: Vec<u8>,
}

impl Footer {
    /// The footer of a file that has no row group yet.
    pub(super) fn new(file: FileMetaData) -> Result<Self> {
        Ok(Self {
            empty: spell(&file, Vec::new())?,
            file,
            at: 0,
            rows: 0,
            groups: 0,
            spelled: Vec::new(),
        })
    }

    /// Takes what it says of a row group that has rows.
    pub(super) fn add(&mut self, group: RowGroupMetaData) -> Result<()> {
        let rows = group.num_rows();
        let alone = spell(&self.file, vec![group])?;
        let same = self.empty.iter().zip(&alone);
        self.at = same.take_while(|(one, other)| one == other).count();
        let cut = || {
            let (_, tail) = self.around()?;
            let before = [&self.empty[..self.at], &list(rows, 1)].concat();
            alone.strip_prefix(&*before)?.strip_suffix(tail)
        };
        let group = cut().ok_or_else(unlike)?;
        self.spelled.extend_from_slice(group);
        self.rows += rows;
        self.groups += 1;
        Ok(())
    }

    /// How many bytes are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.empty.len() + self.spelled.len()
    }

    /// Adds the end of the file to what is before it.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let mut spelled = std::mem::take(&mut self.spelled);
        if self.groups == 0 {
            out.extend_from_slice(&self.empty);
        } else {
            let (head, tail) = self.around().ok_or_else(unlike)?;
            out.extend_from_slice(head);
            out.extend_from_slice(&list(self.rows, self.groups));
            out.append(&mut spelled);
            out.extend_from_slice(tail);
        }
        let length = u32::try_from(out.len() - start)
            .map_err(|_| ParquetError::General("the footer would pass 4 GB".to_owned()))?;
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(MAGIC);
        Ok(())
    }

    /// What is before and after the row groups and their number of rows.
    fn around(&self) -> Option<(&[u8], &[u8])> {
        let (head, rest) = self.empty.split_at(self.at);
        Some((head, rest.strip_prefix(&NOTHING)?))
    }
}

/// The footer of a file of these row groups.
fn spell(file: &FileMetaData, groups: Vec<RowGroupMetaData>) -> Result<Vec<u8>> {
    let mut spelled = Vec::new();
    ParquetMetaDataWriter::new(&mut spelled, &ParquetMetaData::new(file.clone(), groups))
        .finish()?;
    spelled.truncate(spelled.len().saturating_sub(ENDING));
    Ok(spelled)
}

/// The number of rows and the beginning of the list of row groups.
fn list(rows: i64, groups: usize) -> Vec<u8> {
    let mut list = Vec::new();
    // Signed numbers are spelled with their sign last; there are no fewer rows than none.
    varint(rows.unsigned_abs() << 1, &mut list);
    list.push(GROUPS_FIELD);
    if groups < LONG {
        list.push((groups as u8) << 4 | STRUCTS);
    } else {
        list.push((LONG as u8) << 4 | STRUCTS);
        varint(groups as u64, &mut list);
    }
    list
}

/// Seven bits a byte, the least first.
fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn unlike() -> ParquetError {
    ParquetError::General("the library spells footers in another way now".to_owned())
}
