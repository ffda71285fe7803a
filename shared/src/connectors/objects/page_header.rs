//! How long a page of Parquet is once it is unpacked, before anything is unpacked: the library makes as much room as the
//! page says.

use std::io::{Read, Result};

use super::thrift::{STRUCT, Thrift, wrong};

/// A page may be no longer; 1 MiB is usual.
pub(super) const MAX_PAGE_BYTES: u64 = 64 << 20;
/// A header may be no longer; it may hold a smallest and a largest value.
const MAX_HEADER_BYTES: u64 = 8 << 20;

/// What a page's header says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// How long the header itself is.
    pub length: u64,
    /// The length of the page when it is unpacked.
    pub unpacked: u64,
    /// How many bytes at the beginning of the page are never packed.
    pub plain: u64,
}

/// Reads the header of a page.
pub(super) fn read(input: impl Read) -> Result<PageHeader> {
    let mut thrift = Thrift::new(input.take(MAX_HEADER_BYTES));
    let (mut unpacked, mut plain) = (None, 0);
    thrift.members(|it, member, kind| match member {
        2 => it.number(kind).map(|length| unpacked = Some(length)),
        1 | 3 | 4 => it.number(kind).map(drop),
        5..=8 if kind != STRUCT => Err(wrong("a member is of another kind than it should be")),
        5 => it.members(|it, inner, kind| match inner {
            1..=4 => it.number(kind).map(drop),
            _ => it.skip(kind),
        }),
        7 => it.members(|it, inner, kind| match inner {
            1 | 2 => it.number(kind).map(drop),
            3 => it.flag(kind),
            _ => it.skip(kind),
        }),
        8 => it.members(|it, inner, kind| match inner {
            // The levels, which stand before the values.
            5 | 6 => it.number(kind).map(|length| {
                plain += u64::try_from(length).unwrap_or_default();
            }),
            1..=4 => it.number(kind).map(drop),
            7 => it.flag(kind),
            _ => it.skip(kind),
        }),
        _ => it.skip(kind),
    })?;
    let unpacked = unpacked.and_then(|length| u64::try_from(length).ok());
    Ok(PageHeader {
        length: thrift.used,
        unpacked: unpacked.ok_or_else(|| wrong("the length of a page is missing"))?,
        plain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unpacked_length_is_read_and_nothing_else_taken_for_it() {
        let unpacked = |header: &[u8]| read(header).ok().map(|header| header.unpacked);
        for (header, length) in [
            (&[0x15, 0x00, 0x15, 0x14, 0x15, 0x14, 0][..], Some(10)),
            (
                &[0x15, 0x04, 0x15, 0x80, 0x80, 0x80, 0x80, 0x08, 0],
                Some(1 << 30),
            ),
            // The last word counts, as it does with the library.
            (&[0x15, 0x00, 0x15, 0x14, 0x05, 0x04, 0x16, 0], Some(11)),
            (&[0x15, 0x00, 0x15, 0x01, 0], None),
            (&[0x15, 0x00, 0x25, 0x14, 0], None),
            // What the library would read as a number, whatever its kind.
            (&[0x15, 0x00, 0x18, 0x01, 0x7e, 0], None),
            (
                &[0x15, 0x00, 0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0],
                None,
            ),
            // A list of a thousand million elements that have no bytes.
            (
                &[
                    0x15, 0, 0x15, 0, 0x99, 0xf1, 0x80, 0x80, 0x80, 0x80, 0x04, 0,
                ],
                None,
            ),
            (&[0x15], None),
            (&[], None),
        ] {
            assert_eq!(unpacked(header), length, "{header:x?}");
        }
    }

    #[test]
    fn what_is_never_packed_stands_before_what_is() {
        let header = [
            0x15, 0x06, 0x15, 0x14, 0x15, 0x14, 0x5c, 0x55, 0x08, 0x15, 0x04, 0x12, 0, 0,
        ];
        let expected = PageHeader {
            length: 14,
            unpacked: 10,
            plain: 6,
        };
        assert_eq!(read(&header[..]).unwrap(), expected);
    }
}
