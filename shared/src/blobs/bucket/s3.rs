//! Reading a bucket: where things are in it, and requests that prove who asks.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::Addresses;
use super::refusal::Store;
use crate::blobs::s3::{Payload, S3Settings, Signer, base_url};
use crate::domain::Failure;
use crate::http::{Method, Request};

/// A bucket that is read.
#[derive(Debug, Clone)]
pub(super) struct S3Bucket {
    name: String,
    /// The bucket's own, without a slash at its end.
    base: String,
    signer: Signer,
    nothing: Payload,
}

impl S3Bucket {
    pub(super) fn new(settings: S3Settings) -> Result<Self, Failure> {
        Ok(Self {
            base: base_url(&settings)?,
            signer: Signer::new(&settings),
            name: settings.bucket,
            nothing: Bytes::new().into(),
        })
    }

    pub(super) fn store(&self) -> Store<'_> {
        Store {
            name: "Amazon S3",
            place: "bucket",
            placed: &self.name,
            list_right: "s3:ListBucket",
            read_right: "s3:GetObject",
        }
    }

    /// A listing goes on after a key: S3 lists in the order of keys, and a key, unlike a continuation token, never dies.
    pub(super) fn addresses(&self) -> Addresses<'_> {
        Addresses {
            base: &self.base,
            list: "/?encoding-type=url&list-type=2",
            at_most: "max-keys",
            from: "start-after",
        }
    }

    /// `None` where something cannot be a header.
    pub(super) fn signed(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        now: DateTime<Utc>,
    ) -> Option<Request> {
        self.signer
            .signed(Method::Get, url, headers, &self.nothing, now)
    }
}
