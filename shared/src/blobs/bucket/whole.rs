//! Whole objects, read piece by piece.

use futures::{StreamExt, stream};
use tokio_util::io::StreamReader;

use super::{Bucket, NotRead};
use crate::blobs::Reader;

impl Bucket {
    /// Opens an object: its length and its bytes, each piece of the version that was begun with.
    ///
    /// # Errors
    /// [`NotRead`].
    pub(in crate::blobs) async fn open(&self, key: &str) -> Result<(u64, Reader), NotRead> {
        let (bucket, key, piece_bytes) = (self.clone(), key.to_owned(), self.piece_bytes);
        let first = self.read(&key, 0..piece_bytes, None).await?;
        let (size, etag, read) = (first.size, first.etag, first.bytes.len() as u64);
        let rest = stream::try_unfold(read, move |from| {
            let (bucket, key, etag) = (bucket.clone(), key.clone(), etag.clone());
            async move {
                if from >= size {
                    return Ok(None);
                }
                let piece = bucket
                    .read(&key, from..from + piece_bytes, Some(&etag))
                    .await;
                let bytes = piece.map_err(std::io::Error::other)?.bytes;
                if bytes.is_empty() {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                let next = from + bytes.len() as u64;
                Ok(Some((bytes, next)))
            }
        });
        let first = stream::iter([Ok::<_, std::io::Error>(first.bytes)]);
        let chunks = first.chain(rest);
        Ok((size, Box::pin(StreamReader::new(Box::pin(chunks)))))
    }
}
