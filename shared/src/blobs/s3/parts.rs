//! The parts of an object, invisible until they are put together.

use std::time::Duration;

use s3::Bucket;
use s3::error::S3Error;
use s3::serde_types::Part;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::failures;
use super::upload::make_visible;
use crate::blobs::ledger::Entry;
use crate::blobs::{Existing, media_type};
use crate::failpoints::step;

/// Amazon's limit.
const MAX_PARTS: u32 = 10_000;

/// How long a withdrawal waits for the part under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// An upload in parts that the store knows of. Dropping it withdraws it in the background.
#[derive(Debug)]
pub(super) struct Parts {
    bucket: Box<Bucket>,
    key: String,
    /// Gone once the upload is put together or withdrawn.
    upload_id: Option<String>,
    begun: u32,
    arrived: Vec<Part>,
    under_way: Option<JoinHandle<Result<Part, S3Error>>>,
    entry: Entry,
}

impl Parts {
    pub(super) async fn begin(bucket: &Bucket, key: &str) -> Result<Self, S3Error> {
        let begun =
            failures::persist(|| bucket.initiate_multipart_upload(key, media_type(key))).await?;
        Ok(Self {
            bucket: Box::new(bucket.clone()),
            key: key.to_owned(),
            upload_id: Some(begun.upload_id),
            begun: 0,
            arrived: Vec::new(),
            under_way: None,
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

    /// Sends a part in the background, once the one before has arrived.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), S3Error> {
        self.settle().await?;
        let Some(upload_id) = self.upload_id.clone() else {
            return Ok(());
        };
        self.begun += 1;
        let (bucket, key, number) = (self.bucket.clone(), self.key.clone(), self.begun);
        self.under_way = Some(tokio::spawn(async move {
            let kind = media_type(&key);
            failures::persist(|| {
                bucket.put_multipart_chunk(bytes.clone(), &key, number, &upload_id, kind)
            })
            .await
        }));
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), S3Error> {
        if let Some(sending) = &mut self.under_way {
            let sent = sending.await;
            self.under_way = None;
            let part = sent.map_err(|cause| S3Error::Io(std::io::Error::other(cause)))??;
            self.arrived.push(part);
            step("a part has arrived");
        }
        Ok(())
    }

    /// Puts the parts together under the object's name, or withdraws them all.
    pub(super) async fn complete(mut self, existing: Existing) -> Result<(), S3Error> {
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

    async fn put_together(&self, existing: Existing) -> Result<(), S3Error> {
        let Some(id) = self.upload_id.as_deref() else {
            return Ok(());
        };
        let ask = |bucket: Box<Bucket>| async move {
            let answer = bucket.complete_multipart_upload(&self.key, id, self.arrived.clone());
            answer.await.map(drop)
        };
        make_visible(&self.bucket, existing, ask).await
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
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        let entry = std::mem::take(&mut self.entry);
        Some(async move {
            // A part that arrives after the withdrawal would stay at the store.
            if let Some(mut sending) = sending
                && tokio::time::timeout(PATIENCE, &mut sending).await.is_err()
            {
                sending.abort();
            }
            match failures::persist(|| bucket.abort_upload(&key, &upload_id)).await {
                Err(cause) if !failures::is_unknown_upload(&cause) => {
                    tracing::warn!(key, %cause, "an unfinished upload could not be withdrawn");
                }
                _ => entry.end().await,
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
