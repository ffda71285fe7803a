//! Azure Blob Storage as a destination, written to by the client that also reads it ([`super::bucket`]).
//!
//! Blocks that were sent and not put together belong to no blob: nobody sees them, no request takes them away, and Azure
//! drops them a week after the last one came.

mod blocks;
mod failures;
mod store;
mod upload;

use std::time::Duration;

use uuid::Uuid;

use self::store::BlobStore;
pub(super) use self::upload::AzureUpload;
use super::bucket::{AzureSettings, Bucket};
use super::unwritten::Waits;
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
        let store = self.store.clone().waiting(Waits::SHORT);
        let url = store.url(&probe)?;
        match store
            .put_blob(&url, &probe, &[("If-Match", NO_VERSION)], Vec::new().into())
            .await
        {
            Err(refused) if refused.has_status(412) => Ok(()),
            Err(refused) => Err(self.store.told(&refused)),
            Ok(()) => Err(failures::without_conditions(&url)),
        }
    }

    pub(super) async fn open(&self, key: &str) -> Result<(u64, Reader), Failure> {
        let opened = self.bucket.open(&key::below(&self.prefix, key)).await;
        opened.map_err(|cause| failures::not_read(cause, self.store.container()))
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
