//! Values as a column of the file will have them.

use std::collections::HashSet;
use std::hash::Hash;
use std::mem::size_of;
use std::ops::Range;

use ::parquet::basic::Type as Physical;
use ::parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use ::parquet::errors::Result;
use ::parquet::file::writer::SerializedColumnWriter;
use bytes::Bytes;

use super::schema::physical;
use crate::formats::survey::Kind;

/// How many values tell whether a column's values repeat.
const SAMPLE: usize = 1_000;
/// How many of them come after each other, as equal values may.
const STRETCH: usize = 50;

/// Values that are being gathered. What puts one there says how many bytes it takes up, or none if these are values of another
/// type.
#[derive(Debug)]
pub(super) enum Values {
    Booleans(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Wide(Vec<i128>),
    /// One after the other, and where each ends.
    Texts(Vec<u8>, Vec<usize>),
}

impl Values {
    pub(super) fn of(kind: Kind) -> Self {
        match physical(kind) {
            Physical::BOOLEAN => Self::Booleans(Vec::new()),
            Physical::INT32 => Self::Int32(Vec::new()),
            Physical::INT64 => Self::Int64(Vec::new()),
            Physical::FIXED_LEN_BYTE_ARRAY => Self::Wide(Vec::new()),
            _ => Self::Texts(Vec::new(), Vec::new()),
        }
    }

    pub(super) fn boolean(&mut self, value: bool) -> Option<usize> {
        let Self::Booleans(values) = self else {
            return None;
        };
        values.push(value);
        Some(size_of::<bool>())
    }

    pub(super) fn int32(&mut self, value: i32) -> Option<usize> {
        let Self::Int32(values) = self else {
            return None;
        };
        values.push(value);
        Some(size_of::<i32>())
    }

    pub(super) fn int64(&mut self, value: i64) -> Option<usize> {
        let Self::Int64(values) = self else {
            return None;
        };
        values.push(value);
        Some(size_of::<i64>())
    }

    /// In as many bytes as the column's digits need.
    pub(super) fn decimal(&mut self, value: i128) -> Option<usize> {
        match self {
            Self::Int32(_) => self.int32(value.try_into().ok()?),
            Self::Int64(_) => self.int64(value.try_into().ok()?),
            Self::Wide(values) => {
                values.push(value);
                Some(size_of::<i128>())
            }
            Self::Booleans(_) | Self::Texts(..) => None,
        }
    }

    pub(super) fn text(&mut self, text: &str) -> Option<usize> {
        let Self::Texts(bytes, ends) = self else {
            return None;
        };
        bytes.extend_from_slice(text.as_bytes());
        ends.push(bytes.len());
        Some(text.len() + size_of::<usize>())
    }

    /// Gives back the last value.
    pub(super) fn pop(&mut self) {
        match self {
            Self::Booleans(values) => drop(values.pop()),
            Self::Int32(values) => drop(values.pop()),
            Self::Int64(values) => drop(values.pop()),
            Self::Wide(values) => drop(values.pop()),
            Self::Texts(bytes, ends) => {
                ends.pop();
                bytes.truncate(ends.last().copied().unwrap_or_default());
            }
        }
    }

    /// Whether many of them come more than once, as [`SAMPLE`] of them tell.
    pub(super) fn repeat(&self) -> bool {
        fn do_repeat<T: Hash + Eq>(count: usize, value: impl Fn(usize) -> T) -> bool {
            let step = count.div_ceil(SAMPLE / STRETCH).max(STRETCH);
            let stretches = (0..count).step_by(step);
            let sample = stretches.flat_map(|from| from..count.min(from + STRETCH));
            let different: HashSet<T> = sample.clone().map(value).collect();
            different.len() * 20 <= sample.count() * 19
        }
        match self {
            // A bit each.
            Self::Booleans(_) => false,
            Self::Int32(values) => do_repeat(values.len(), |at| values[at]),
            Self::Int64(values) => do_repeat(values.len(), |at| values[at]),
            Self::Wide(values) => do_repeat(values.len(), |at| values[at]),
            Self::Texts(bytes, ends) => do_repeat(ends.len(), |at| &bytes[text(ends, at)]),
        }
    }

    /// All values, to be written.
    pub(super) fn take(&mut self) -> Gathered {
        match self {
            Self::Booleans(values) => Gathered::Booleans(std::mem::take(values)),
            Self::Int32(values) => Gathered::Int32(std::mem::take(values)),
            Self::Int64(values) => Gathered::Int64(std::mem::take(values)),
            Self::Wide(values) => Gathered::Wide(std::mem::take(values)),
            Self::Texts(bytes, ends) => {
                Gathered::Texts(std::mem::take(bytes).into(), std::mem::take(ends))
            }
        }
    }
}

impl Values {
    /// Is as empty as [`Self::take`] left it, with the room that these had, so that it need not grow again.
    pub(super) fn reuse(&mut self, written: Gathered) {
        fn emptied<T>(mut room: Vec<T>) -> Vec<T> {
            room.clear();
            room
        }
        *self = match written {
            Gathered::Booleans(values) => Self::Booleans(emptied(values)),
            Gathered::Int32(values) => Self::Int32(emptied(values)),
            Gathered::Int64(values) => Self::Int64(emptied(values)),
            Gathered::Wide(values) => Self::Wide(emptied(values)),
            Gathered::Texts(bytes, ends) => Self::Texts(emptied(bytes.into()), emptied(ends)),
        };
    }
}

/// Values that are complete.
#[derive(Debug)]
pub(super) enum Gathered {
    Booleans(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Wide(Vec<i128>),
    Texts(Bytes, Vec<usize>),
}

/// Where the text `at` is, of texts that end there.
fn text(ends: &[usize], at: usize) -> Range<usize> {
    at.checked_sub(1).map_or(0, |before| ends[before])..ends[at]
}

/// Numbers as the file has them, big-endian.
fn wide(numbers: &[i128]) -> Vec<FixedLenByteArray> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|it| it.to_be_bytes()).collect();
    let bytes = Bytes::from(bytes);
    (0..bytes.len())
        .step_by(size_of::<i128>())
        .map(|at| ByteArray::from(bytes.slice(at..at + size_of::<i128>())).into())
        .collect()
}

impl Gathered {
    /// Writes some of them, with the levels that say which rows they are in.
    pub(super) fn write(
        &self,
        batch: Range<usize>,
        levels: Option<&[i16]>,
        writer: &mut SerializedColumnWriter<'_>,
    ) -> Result<()> {
        match self {
            Self::Booleans(values) => {
                let column = writer.typed::<BoolType>();
                column.write_batch(&values[batch], levels, None)
            }
            Self::Int32(values) => {
                let column = writer.typed::<Int32Type>();
                column.write_batch(&values[batch], levels, None)
            }
            Self::Int64(values) => {
                let column = writer.typed::<Int64Type>();
                column.write_batch(&values[batch], levels, None)
            }
            Self::Wide(values) => {
                let column = writer.typed::<FixedLenByteArrayType>();
                column.write_batch(&wide(&values[batch]), levels, None)
            }
            Self::Texts(bytes, ends) => {
                let texts: Vec<ByteArray> =
                    batch.map(|at| bytes.slice(text(ends, at)).into()).collect();
                let column = writer.typed::<ByteArrayType>();
                column.write_batch(&texts, levels, None)
            }
        }
        .map(drop)
    }
}
