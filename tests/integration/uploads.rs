//! Files that are sent to object stores.

use bytes::Bytes;
use rail_shared::blobs::Destination;
use rail_shared::domain::Failure;

/// Bytes that differ from place to place, so that parts in the wrong order show.
pub fn content(length: usize) -> Vec<u8> {
    (0_u64..)
        .flat_map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_be_bytes())
        .take(length)
        .collect()
}

/// Writes in chunks that fit no part.
pub async fn write(place: &Destination, key: &str, content: &[u8]) -> Result<u64, Failure> {
    let mut upload = place.begin(key).await?;
    for chunk in content.chunks(700_001) {
        upload.write(Bytes::copy_from_slice(chunk)).await?;
    }
    upload.finish().await.map(|written| written.bytes)
}
