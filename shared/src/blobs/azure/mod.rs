//! Azure Blob Storage as a destination, written to by the client that also reads it ([`super::bucket`]).
//!
//! Blocks that were sent and not put together belong to no blob: nobody sees them, no request takes them away, and Azure
//! drops them a week after the last one came.

mod blocks;
mod failures;
mod store;
mod upload;

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio_util::io::StreamReader;
use uuid::Uuid;

use self::failures::Unwritten;
use self::store::BlobStore;
pub(super) use self::upload::AzureUpload;
use super::bucket::{AzureSettings, Bucket, NotRead};
use super::{Existing, Reader, key};
use crate::domain::Failure;
use crate::http::Http;

/// A version that no blob ever has.
const NO_VERSION: &str = "\"0x0\"";

/// A container, and a prefix in it.
#[derive(Debug, Clone)]
pub struct AzurePlace {
    store: BlobStore,
    /// The same container, to be read.
    bucket: Bucket,
    prefix: String,
}

impl AzurePlace {
    /// Opens nothing yet, only checks the settings. Requests go through `http`, which should grant a block of 8 MiB the
    /// time it needs.
    ///
    /// # Errors
    /// When a setting cannot work; it is named.
    pub fn new(settings: AzureSettings, prefix: &str, http: Http) -> Result<Self, Failure> {
        Ok(Self {
            prefix: key::prefix(prefix)?,
            bucket: Bucket::azure(settings.clone(), http.clone())?,
            store: BlobStore::new(settings, http)?,
        })
    }

    pub(super) fn begin(&self, key: &str, existing: Existing) -> Result<AzureUpload, Failure> {
        let key = key::below(&self.prefix, key);
        AzureUpload::new(self.store.clone(), &key, existing)
    }

    /// Writes an empty blob on a condition that never holds: Azure judges who asks and whether the container is there
    /// first, so that all an export needs is asked for and nothing comes to be.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let probe = key::below(&self.prefix, &format!(".probe-{}", Uuid::now_v7().simple()));
        let url = self.store.url(&probe)?;
        match self
            .store
            .put_blob(&url, &probe, &[("If-Match", NO_VERSION)], Vec::new().into())
            .await
        {
            Err(Unwritten::Refused(answer)) if answer.status == 412 => Ok(()),
            Err(refused) => Err(self.store.told(&refused)),
            Ok(()) => Err(failures::without_conditions(&url)),
        }
    }

    pub(super) async fn open(&self, key: &str) -> Result<(u64, Reader), Failure> {
        let key = key::below(&self.prefix, key);
        let told = |cause: NotRead| failures::not_read(cause, self.store.container());
        let piece_bytes = self.bucket.piece_bytes();
        let first = self.bucket.read(&key, 0..piece_bytes, None).await;
        let first = first.map_err(told)?;
        let (size, etag) = (first.size, first.etag.clone());
        let (bucket, read) = (self.bucket.clone(), first.bytes.len() as u64);
        // Piece by piece, each of the version that was begun with.
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

    pub(super) fn link(&self, key: &str, valid: Duration) -> Result<Option<String>, Failure> {
        self.store.link(&key::below(&self.prefix, key), valid)
    }

    pub(super) fn locate(&self, key: &str) -> String {
        let key = key::below(&self.prefix, key);
        self.store.locate(&key)
    }
}

#[cfg(test)]
mod tests;
