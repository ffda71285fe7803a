//! How long a page of Parquet is once it is unpacked, before anything is unpacked: the library makes as much room as the
//! page says.

/// A page may be no longer; 1 MiB is usual.
pub(super) const MAX_PAGE_BYTES: u64 = 64 << 20;
/// What is enough of a header.
pub(super) const BEGINNING: usize = 12;

/// The unpacked length that a page's header names; `None` where that is not where every writer puts it.
pub(super) fn unpacked_bytes(header: &[u8]) -> Option<u64> {
    // Thrift's compact protocol: the kind of the page is the first member, its unpacked length the second.
    let header = header.strip_prefix(&[INTEGER])?;
    let (_, header) = varint(header)?;
    let header = header.strip_prefix(&[INTEGER])?;
    let (length, _) = varint(header)?;
    // Signed numbers are folded: even ones are not negative.
    (length % 2 == 0).then_some(length / 2)
}

/// A member that is a number of 32 bits, next after the one before it.
const INTEGER: u8 = 0x15;

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unpacked_length_is_read_and_nothing_else_taken_for_it() {
        for (header, length) in [
            (&[0x15, 0x00, 0x15, 0x14, 0x15, 0x14][..], Some(10)),
            (
                &[0x15, 0x04, 0x15, 0x80, 0x80, 0x80, 0x80, 0x08],
                Some(1 << 30),
            ),
            (&[0x15, 0x00, 0x15, 0x01], None),
            (&[0x15, 0x00, 0x25, 0x14], None),
            (
                &[0x15, 0x00, 0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                None,
            ),
            (&[0x15], None),
            (&[], None),
        ] {
            assert_eq!(unpacked_bytes(header), length, "{header:x?}");
        }
    }
}
