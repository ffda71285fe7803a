#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Read;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;

const ALL: [Packing; 3] = [Packing::None, Packing::Gzip, Packing::Zstd];

fn packed(packing: Packing, pieces: &[&[u8]]) -> Vec<u8> {
    let mut packer = packing.packer().unwrap();
    let mut out = Vec::new();
    for piece in pieces {
        packer.write(piece, &mut out).unwrap();
    }
    packer.finish(&mut out).unwrap();
    out
}

fn unpacked(packing: Packing, packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match packing {
        Packing::None => plain.extend_from_slice(packed),
        Packing::Gzip => {
            GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
        }
        Packing::Zstd => plain = zstd::stream::decode_all(packed).unwrap(),
    }
    plain
}

/// Bytes that no packing makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let byte = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(byte).take(length).collect()
}

#[test]
fn a_gzip_file_says_neither_when_nor_where_it_was_made() {
    let file = packed(Packing::Gzip, &[b"a"]);
    // Deflate, no flags, no time.
    assert_eq!(file[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
}

#[test]
fn a_file_of_nothing_can_be_unpacked() {
    for packing in ALL {
        let file = packed(packing, &[]);
        assert_eq!(file.is_empty(), packing == Packing::None);
        assert_eq!(unpacked(packing, &file), b"");
    }
}

#[test]
fn repetition_is_packed() {
    for packing in [Packing::Gzip, Packing::Zstd] {
        let file = packed(packing, &[&b"{\"id\": \"cus_1\"}\n".repeat(10_000)]);
        assert!(file.len() < 2_000, "{packing:?}: {}", file.len());
    }
}

#[test]
fn bytes_come_out_as_they_go_in() {
    let noise = noise(4 << 20);
    for packing in ALL {
        let mut packer = packing.packer().unwrap();
        let (mut given, mut taken) = (0_usize, 0);
        for piece in noise.chunks(64 * 1024) {
            let mut out = Vec::new();
            packer.write(piece, &mut out).unwrap();
            given += piece.len();
            taken += out.len();
            assert!(given.saturating_sub(taken) <= 512 * 1024, "{packing:?}");
        }
    }
}

#[test]
fn a_damaged_file_is_noticed() {
    let plain = noise(10_000);
    let mut gzip = packed(Packing::Gzip, &[&plain]);
    gzip[5_000] ^= 1;
    assert!(
        GzDecoder::new(&gzip[..])
            .read_to_end(&mut Vec::new())
            .is_err()
    );
    let mut zstd = packed(Packing::Zstd, &[&plain]);
    zstd[5_000] ^= 1;
    assert!(::zstd::stream::decode_all(&zstd[..]).is_err());
}

proptest! {
    #[test]
    fn a_reader_finds_what_went_in(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2_000), 0..6),
    ) {
        let slices: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        for packing in ALL {
            let file = packed(packing, &slices);
            prop_assert_eq!(unpacked(packing, &file), pieces.concat());
            prop_assert_eq!(&packed(packing, &slices), &file);
        }
    }
}
