//! A blob on its way: one request when it is small, blocks when it is not.

use bytes::Bytes;

use super::blocks::{BLOCK_BYTES, Blocks};
use super::failures::{self, Unwritten};
use super::store::BlobStore;
use crate::blobs::Existing;
use crate::domain::Failure;

/// A blob on its way. One block is filled while the one before is sent.
#[derive(Debug)]
pub(in crate::blobs) struct AzureUpload {
    store: BlobStore,
    key: String,
    url: String,
    existing: Existing,
    filling: Vec<u8>,
    blocks: Blocks,
}

impl AzureUpload {
    pub(super) fn new(store: BlobStore, key: &str, existing: Existing) -> Result<Self, Failure> {
        let url = store.url(key)?;
        Ok(Self {
            blocks: Blocks::new(store.clone(), url.clone()),
            store,
            key: key.to_owned(),
            url,
            existing,
            filling: Vec::new(),
        })
    }

    pub(in crate::blobs) async fn write(&mut self, mut chunk: Bytes) -> Result<(), Failure> {
        while !chunk.is_empty() {
            // A full block waits until more comes, so that a file of one block is one request.
            if self.filling.len() == BLOCK_BYTES {
                self.send_block().await?;
            }
            let room = BLOCK_BYTES - self.filling.len();
            self.filling
                .extend_from_slice(&chunk.split_to(room.min(chunk.len())));
        }
        Ok(())
    }

    async fn send_block(&mut self) -> Result<(), Failure> {
        if self.blocks.is_full() {
            return Err(failures::too_large());
        }
        let full = std::mem::replace(&mut self.filling, Vec::with_capacity(BLOCK_BYTES));
        let sent = self.blocks.send(full.into()).await;
        sent.map_err(|cause| self.told(&cause))
    }

    pub(in crate::blobs) async fn finish(mut self) -> Result<(), Failure> {
        // The request that makes the blob decides: no look before, so nobody can come in between.
        let condition: &[_] = match self.existing {
            Existing::Keep => &[("If-None-Match", "*")],
            Existing::Replace => &[],
        };
        let finished = if self.blocks.is_empty() {
            let bytes = std::mem::take(&mut self.filling).into();
            self.store
                .put_blob(&self.url, &self.key, condition, bytes)
                .await
        } else {
            self.send_block().await?;
            self.blocks.put_together(&self.key, condition).await
        };
        finished.map_err(|cause| self.told(&cause))
    }

    fn told(&self, cause: &Unwritten) -> Failure {
        if self.existing == Existing::Keep && cause.is_taken() {
            return crate::blobs::taken(&self.store.locate(&self.key));
        }
        self.store.told(cause)
    }
}
