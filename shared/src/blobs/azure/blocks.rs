//! The blocks of a blob, invisible until they are put together.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::store::BlobStore;
use crate::blobs::filling::Spare;
use crate::blobs::unwritten::Unwritten;

/// Azure's limit.
const MAX_BLOCKS: u32 = 50_000;

/// Blocks that were sent. Dropping them stops the one under way; the others are never put together.
#[derive(Debug)]
pub(super) struct Blocks {
    store: BlobStore,
    url: String,
    /// Tells these blocks from those of another upload of the same name, which are kept in the same place.
    upload: Uuid,
    begun: u32,
    /// One at most.
    under_way: JoinSet<Result<Bytes, Unwritten>>,
    spare: Spare,
}

impl Blocks {
    pub(super) fn new(store: BlobStore, url: String) -> Self {
        Self {
            store,
            url,
            upload: Uuid::now_v7(),
            begun: 0,
            under_way: JoinSet::new(),
            spare: Spare::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.begun == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.begun == MAX_BLOCKS
    }

    /// Sends a block in the background, once the one before has arrived, whose room it gives back.
    pub(super) async fn send(&mut self, bytes: Bytes) -> Result<Spare, Unwritten> {
        self.settle().await?;
        let (store, url, id) = (self.store.clone(), self.url.clone(), self.id(self.begun));
        self.begun += 1;
        self.under_way.spawn(async move {
            store.put_block(&url, &id, bytes.clone()).await?;
            Ok(bytes)
        });
        Ok(std::mem::take(&mut self.spare))
    }

    /// Waits until all have arrived, and keeps none of their room.
    pub(super) async fn rest(&mut self) -> Result<(), Unwritten> {
        self.settle().await?;
        self.spare = Spare::default();
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), Unwritten> {
        while let Some(sent) = self.under_way.join_next().await {
            self.spare = sent.map_err(|_| Unwritten::Interrupted)??.into();
        }
        Ok(())
    }

    /// Makes the blob of all blocks, in their order.
    pub(super) async fn put_together(
        &mut self,
        key: &str,
        condition: &[(&str, &str)],
    ) -> Result<(), Unwritten> {
        self.settle().await?;
        let ids = (0..self.begun).map(|number| self.id(number));
        self.store
            .put_block_list(&self.url, key, condition, ids)
            .await
    }

    /// Ids are of one length for all blocks that a blob ever had.
    fn id(&self, number: u32) -> String {
        STANDARD.encode(format!("{}-{number:05}", self.upload.simple()))
    }
}
