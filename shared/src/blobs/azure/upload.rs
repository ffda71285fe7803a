//! A blob on its way: one request when it is small, blocks when it is not.

use bytes::Bytes;

use super::blocks::Blocks;
use super::failures;
use super::store::BlobStore;
use crate::blobs::Existing;
use crate::blobs::filling::Filling;
use crate::blobs::unwritten::Unwritten;
use crate::domain::Failure;

/// A blob on its way. One block is filled while the one before is sent.
#[derive(Debug)]
pub(in crate::blobs) struct AzureUpload {
    store: BlobStore,
    key: String,
    url: String,
    existing: Existing,
    filling: Filling,
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
            filling: Filling::default(),
        })
    }

    pub(in crate::blobs) async fn write(&mut self, mut chunk: Bytes) -> Result<(), Failure> {
        while !chunk.is_empty() {
            // A full block waits until more comes, so that a file of one block is one request.
            if self.filling.is_full() {
                self.send_block().await?;
            }
            self.filling.take_from(&mut chunk);
        }
        Ok(())
    }

    async fn send_block(&mut self) -> Result<(), Failure> {
        if self.blocks.is_full() {
            return Err(failures::too_large());
        }
        match self.blocks.send(self.filling.handed_over()).await {
            Ok(spare) => {
                self.filling.go_on_in(spare);
                Ok(())
            }
            Err(cause) => Err(self.told(&cause)),
        }
    }

    pub(in crate::blobs) async fn seal(&mut self) -> Result<(), Failure> {
        if self.blocks.is_empty() && self.filling.is_small() {
            return Ok(());
        }
        self.send_rest().await?;
        self.filling = Filling::default();
        let rested = self.blocks.rest().await;
        rested.map_err(|cause| self.told(&cause))
    }

    async fn send_rest(&mut self) -> Result<(), Failure> {
        if self.filling.is_empty() {
            return Ok(());
        }
        self.send_block().await
    }

    pub(in crate::blobs) async fn finish(mut self) -> Result<(), Failure> {
        // The request that makes the blob decides: no look before, so nobody can come in between.
        let condition: &[_] = match self.existing {
            Existing::Keep => &[("If-None-Match", "*")],
            Existing::Replace => &[],
        };
        let finished = if self.blocks.is_empty() {
            let bytes = self.filling.handed_over();
            self.store
                .put_blob(&self.url, &self.key, condition, bytes)
                .await
        } else {
            self.send_rest().await?;
            self.blocks.put_together(&self.key, condition).await
        };
        finished.map_err(|cause| self.told(&cause))
    }

    fn told(&self, cause: &Unwritten) -> Failure {
        if self.existing == Existing::Keep && failures::is_taken(cause) {
            return cause.taken(&self.store.locate(&self.key));
        }
        self.store.told(cause)
    }
}
