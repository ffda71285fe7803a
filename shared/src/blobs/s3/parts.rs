//! The parts of an object, invisible until they are put together.

use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::signer::Payload;
use super::store::ObjectStore;
use super::upload::make_visible;
use crate::blobs::filling::Spare;
use crate::blobs::ledger::Entry;
use crate::blobs::unwritten::Unwritten;
use crate::blobs::{Existing, media_type};
use crate::failpoints::step;

/// Amazon's limit.
const MAX_PARTS: u32 = 10_000;

/// How long a withdrawal waits for the part under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the store knows a part by, and its bytes.
type Sent = Result<(String, Bytes), Unwritten>;

/// An upload in parts that the store knows of. Dropping it withdraws it in the background.
#[derive(Debug)]
pub(super) struct Parts {
    store: ObjectStore,
    url: String,
    /// Gone once the upload is put together or withdrawn.
    upload_id: Option<String>,
    begun: u32,
    /// What the store knows those by that have arrived.
    arrived: Vec<String>,
    under_way: Option<JoinHandle<Sent>>,
    spare: Spare,
    entry: Entry,
}

impl Parts {
    pub(super) async fn begin(
        store: &ObjectStore,
        url: &str,
        key: &str,
    ) -> Result<Self, Unwritten> {
        Ok(Self {
            upload_id: Some(store.begin(url, media_type(key)).await?),
            store: store.clone(),
            url: url.to_owned(),
            begun: 0,
            arrived: Vec::new(),
            under_way: None,
            spare: Spare::default(),
            entry: Entry::default(),
        })
    }

    /// What the store knows it by.
    pub(super) fn upload_id(&self) -> &str {
        self.upload_id.as_deref().unwrap_or_default()
    }

    /// Keeps its entry, to be ended with it.
    pub(super) fn note(&mut self, entry: Entry) {
        self.entry = entry;
    }

    pub(super) fn is_full(&self) -> bool {
        self.begun == MAX_PARTS
    }

    /// Sends a part in the background, once the one before has arrived, whose room it gives back.
    pub(super) async fn send(&mut self, bytes: Bytes) -> Result<Spare, Unwritten> {
        self.settle().await?;
        let Some(upload_id) = self.upload_id.clone() else {
            return Ok(Spare::default());
        };
        self.begun += 1;
        let (store, url, number) = (self.store.clone(), self.url.clone(), self.begun);
        self.under_way = Some(tokio::spawn(async move {
            let part = Payload::from(bytes);
            let etag = store.put_part(&url, &upload_id, number, &part).await?;
            Ok((etag, part.into_bytes()))
        }));
        Ok(std::mem::take(&mut self.spare))
    }

    /// Waits until all have arrived, and keeps none of their room.
    pub(super) async fn rest(&mut self) -> Result<(), Unwritten> {
        self.settle().await?;
        self.spare = Spare::default();
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), Unwritten> {
        if let Some(sending) = &mut self.under_way {
            let sent = sending.await;
            self.under_way = None;
            let (etag, bytes) = sent.map_err(|_| Unwritten::Interrupted)??;
            self.arrived.push(etag);
            self.spare = bytes.into();
            step("a part has arrived");
        }
        Ok(())
    }

    /// Puts the parts together under the object's name, or withdraws them all.
    pub(super) async fn complete(mut self, existing: Existing) -> Result<(), Unwritten> {
        let completed = match self.settle().await {
            Ok(()) => self.put_together(existing).await,
            failed => failed,
        };
        match completed {
            Ok(()) => {
                self.upload_id = None;
                std::mem::take(&mut self.entry).end().await;
            }
            Err(_) => self.withdraw().await,
        }
        completed
    }

    async fn put_together(&self, existing: Existing) -> Result<(), Unwritten> {
        let Some(id) = self.upload_id.as_deref() else {
            return Ok(());
        };
        let ask = |condition| self.store.complete(&self.url, id, &self.arrived, condition);
        let look = self.store.must_be_absent(&self.url);
        make_visible(existing, look, ask).await
    }

    /// Throws the parts away, and returns when that is done.
    pub(super) async fn withdraw(&mut self) {
        if let Some(withdrawal) = self.withdrawal() {
            withdrawal.await;
        }
    }

    fn withdrawal(&mut self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let upload_id = self.upload_id.take()?;
        let sending = self.under_way.take();
        let (store, url) = (self.store.clone(), self.url.clone());
        let entry = std::mem::take(&mut self.entry);
        Some(async move {
            // A part that arrives after the withdrawal would stay at the store.
            if let Some(mut sending) = sending
                && tokio::time::timeout(PATIENCE, &mut sending).await.is_err()
            {
                sending.abort();
            }
            match store.withdraw(&url, &upload_id).await {
                Err(cause) => {
                    tracing::warn!(url, %cause, "an unfinished upload could not be withdrawn");
                }
                Ok(()) => entry.end().await,
            }
        })
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let Some(withdrawal) = self.withdrawal()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(withdrawal);
        }
    }
}
