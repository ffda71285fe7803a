//! An object on its way: one request when it is small, parts when it is not.

use std::sync::Arc;

use bytes::Bytes;

use super::failures;
use super::parts::Parts;
use super::store::{Condition, ObjectStore};
use crate::blobs::filling::Filling;
use crate::blobs::ledger::{Entry, Ledger};
use crate::blobs::unwritten::Unwritten;
use crate::blobs::{Destination, Existing};
use crate::domain::{Failure, FailureKind, Origin};

const ONLY_IF_ABSENT: Condition = &[("if-none-match", "*")];

/// An object on its way. One part is filled while the one before is sent.
#[derive(Debug)]
pub(in crate::blobs) struct S3Upload {
    store: ObjectStore,
    /// In the bucket, and in the destination.
    key: String,
    relative: String,
    url: String,
    existing: Existing,
    ledger: Option<Arc<dyn Ledger>>,
    filling: Filling,
    parts: Option<Parts>,
}

impl S3Upload {
    pub(super) fn new(
        store: ObjectStore,
        relative: &str,
        key: String,
        to: &Destination,
    ) -> Result<Self, Failure> {
        Ok(Self {
            url: store.url(&key)?,
            store,
            key,
            relative: relative.to_owned(),
            existing: to.existing,
            ledger: to.ledger.clone(),
            filling: Filling::default(),
            parts: None,
        })
    }

    pub(in crate::blobs) async fn write(&mut self, mut chunk: Bytes) -> Result<(), Failure> {
        while !chunk.is_empty() {
            // A full part waits until more comes, so that the last one is never empty.
            if self.filling.is_full() {
                self.send_part().await?;
            }
            self.filling.take_from(&mut chunk);
        }
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), Failure> {
        if self.parts.as_ref().is_some_and(Parts::is_full) {
            return Err(too_large());
        }
        if self.parts.is_none() {
            self.parts = Some(self.begin_parts().await?);
        }
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        match parts.send(self.filling.handed_over()).await {
            Ok(spare) => {
                self.filling.go_on_in(spare);
                Ok(())
            }
            Err(cause) => Err(self.told(&cause)),
        }
    }

    pub(in crate::blobs) async fn seal(&mut self) -> Result<(), Failure> {
        if self.parts.is_none() && self.filling.is_small() {
            return Ok(());
        }
        self.send_rest().await?;
        self.filling = Filling::default();
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        let rested = parts.rest().await;
        rested.map_err(|cause| self.told(&cause))
    }

    async fn send_rest(&mut self) -> Result<(), Failure> {
        if self.filling.is_empty() {
            return Ok(());
        }
        self.send_part().await
    }

    async fn begin_parts(&self) -> Result<Parts, Failure> {
        let begun = Parts::begin(&self.store, &self.url, &self.key).await;
        let mut parts = begun.map_err(|cause| self.told(&cause))?;
        // Without an entry no part is sent: one that nobody knows of would be paid for until somebody looks.
        let ledger = self.ledger.as_ref();
        parts.note(Entry::make(ledger, &self.relative, parts.upload_id()).await?);
        Ok(parts)
    }

    pub(in crate::blobs) async fn finish(mut self) -> Result<(), Failure> {
        if self.parts.is_some() {
            self.send_rest().await?;
        }
        let finished = match self.parts.take() {
            Some(parts) => parts.complete(self.existing).await,
            None => self.put_whole().await,
        };
        finished.map_err(|cause| self.told(&cause))
    }

    async fn put_whole(&mut self) -> Result<(), Unwritten> {
        let object = self.filling.handed_over().into();
        let put = |condition| {
            self.store
                .put_whole(&self.url, &self.key, &object, condition)
        };
        let look = self.store.must_be_absent(&self.url);
        make_visible(self.existing, look, put).await
    }

    pub(in crate::blobs) async fn abort(mut self) {
        if let Some(parts) = &mut self.parts {
            parts.withdraw().await;
        }
    }

    fn told(&self, cause: &Unwritten) -> Failure {
        if failures::is_taken(cause) {
            let location = format!("s3://{}/{}", self.store.bucket(), self.key);
            return cause.taken(&location);
        }
        self.store.told(cause)
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
/// decides: no look before, so no right to read is needed and nobody can come in between. Only a store that says it knows no
/// conditions is looked into.
pub(super) async fn make_visible<F>(
    existing: Existing,
    look: impl Future<Output = Result<(), Unwritten>>,
    ask: impl Fn(Condition) -> F,
) -> Result<(), Unwritten>
where
    F: Future<Output = Result<(), Unwritten>>,
{
    if existing == Existing::Keep {
        match ask(ONLY_IF_ABSENT).await {
            Err(cause) if failures::is_not_implemented(&cause) => look.await?,
            done => return done,
        }
    }
    ask(&[]).await
}
