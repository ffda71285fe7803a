//! An object on its way: one request when it is small, parts when it is not.

use std::sync::Arc;

use bytes::Bytes;
use s3::Bucket;
use s3::error::S3Error;

use super::failures;
use super::parts::Parts;
use crate::blobs::ledger::{Entry, Ledger};
use crate::blobs::{Destination, Existing, media_type};
use crate::domain::{Failure, FailureKind, Origin};

/// Parts are alike but the last: some stores insist on it. At least 5 MiB is asked by Amazon.
const PART_BYTES: usize = 8 << 20;

/// An object on its way. One part is filled while the one before is sent.
#[derive(Debug)]
pub(in crate::blobs) struct S3Upload {
    bucket: Box<Bucket>,
    /// In the bucket, and in the destination.
    key: String,
    relative: String,
    existing: Existing,
    ledger: Option<Arc<dyn Ledger>>,
    filling: Vec<u8>,
    parts: Option<Parts>,
}

impl S3Upload {
    pub(super) fn new(bucket: Box<Bucket>, relative: &str, key: String, to: &Destination) -> Self {
        Self {
            bucket,
            key,
            relative: relative.to_owned(),
            existing: to.existing,
            ledger: to.ledger.clone(),
            filling: Vec::new(),
            parts: None,
        }
    }

    pub(in crate::blobs) async fn write(&mut self, mut chunk: Bytes) -> Result<(), Failure> {
        while !chunk.is_empty() {
            // A full part waits until more comes, so that the last one is never empty.
            if self.filling.len() == PART_BYTES {
                self.send_part().await?;
            }
            let room = PART_BYTES - self.filling.len();
            self.filling
                .extend_from_slice(&chunk.split_to(room.min(chunk.len())));
        }
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), Failure> {
        if self.parts.as_ref().is_some_and(Parts::is_full) {
            return Err(too_large());
        }
        let full = std::mem::replace(&mut self.filling, Vec::with_capacity(PART_BYTES));
        if self.parts.is_none() {
            self.parts = Some(self.begin_parts().await?);
        }
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        let sent = parts.send(full).await;
        sent.map_err(|cause| self.told(&cause))
    }

    async fn begin_parts(&self) -> Result<Parts, Failure> {
        let begun = Parts::begin(&self.bucket, &self.key).await;
        let mut parts = begun.map_err(|cause| self.told(&cause))?;
        // Without an entry no part is sent: one that nobody knows of would be paid for until somebody looks.
        let ledger = self.ledger.as_ref();
        parts.note(Entry::make(ledger, &self.relative, parts.upload_id()).await?);
        Ok(parts)
    }

    pub(in crate::blobs) async fn finish(mut self) -> Result<(), Failure> {
        if self.parts.is_some() {
            self.send_part().await?;
        }
        let finished = match self.parts.take() {
            Some(parts) => parts.complete(self.existing).await,
            None => self.put_whole().await,
        };
        finished.map_err(|cause| self.told(&cause))
    }

    async fn put_whole(&self) -> Result<(), S3Error> {
        let kind = media_type(&self.key);
        let put = |bucket: Box<Bucket>| async move {
            let answer = bucket.put_object_with_content_type(&self.key, &self.filling, kind);
            answer.await.map(drop)
        };
        make_visible(&self.bucket, self.existing, put).await
    }

    pub(in crate::blobs) async fn abort(mut self) {
        if let Some(parts) = &mut self.parts {
            parts.withdraw().await;
        }
    }

    fn told(&self, cause: &S3Error) -> Failure {
        if failures::is_taken(cause) {
            return crate::blobs::taken(&format!("s3://{}/{}", self.bucket.name, self.key));
        }
        failures::told(cause, &self.bucket.name)
    }
}

fn too_large() -> Failure {
    Failure::lasting(
        Origin::Destination,
        FailureKind::Refused,
        "The file is larger than 80 GB. Narrow the export's filter.",
    )
}

/// Asks for an object to come to be, on the condition that none has its name unless that one may be replaced. One request
/// decides: no look before, so no right to read is needed and nobody can come in between.
pub(super) async fn make_visible<F>(
    bucket: &Bucket,
    existing: Existing,
    ask: impl Fn(Box<Bucket>) -> F,
) -> Result<(), S3Error>
where
    F: Future<Output = Result<(), S3Error>>,
{
    let plainly = || failures::persist(|| ask(Box::new(bucket.clone())));
    if existing == Existing::Replace {
        return plainly().await;
    }
    match failures::persist(|| ask(only_if_absent(bucket))).await {
        Err(cause) if failures::is_not_implemented(&cause) => plainly().await,
        done => done,
    }
}

fn only_if_absent(bucket: &Bucket) -> Box<Bucket> {
    let mut strict = Box::new(bucket.clone());
    strict.add_header("if-none-match", "*");
    strict
}
