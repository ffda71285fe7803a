//! Where files go, and the buckets that are read: the one door to object stores and to the operator's directory.
//!
//! A file is invisible until [`Upload::finish`] made it whole. Whatever happens before (an error, a drop, the death of
//! the process) leaves nothing under its name, and nothing that was there before is overwritten; only a store that
//! does not know conditional requests at all replaces without asking.

mod bucket;
mod configured;
mod key;
mod local;
mod media_type;
mod s3;

use std::pin::Pin;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::AsyncRead;

use crate::domain::{Failure, FailureKind, Origin};

pub use self::bucket::{AzureKey, AzureSettings, Bucket, Listed, Listing, NotRead, Piece, Turns};
pub use self::local::LocalPlace;
pub use self::media_type::media_type;
pub use self::s3::{Addressing, S3Keys, S3Place, S3Settings};

/// A place that holds files.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A bucket, and a prefix in it.
    S3(S3Place),
    /// A directory below the one the operator allows.
    Local(LocalPlace),
}

/// A file as it is read back.
pub type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// What became of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// How long the file is.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

impl Destination {
    /// Starts a file. `key` is relative, its parts separated by `/`.
    ///
    /// # Errors
    /// When the key is not one, or the place cannot be written to. That the name is taken may show only at the end.
    pub async fn begin(&self, key: &str) -> Result<Upload, Failure> {
        let key = key::relative(key)?;
        let sink = match self {
            Self::S3(place) => Sink::S3(place.begin(&key)),
            Self::Local(place) => Sink::Local(place.begin(&key).await?),
        };
        Ok(Upload {
            sink: Some(sink),
            bytes: 0,
            digest: Sha256::new(),
        })
    }

    /// Whether files can be written here; leaves nothing behind.
    ///
    /// # Errors
    /// Why they cannot, and what to change.
    pub async fn check(&self) -> Result<(), Failure> {
        match self {
            Self::S3(place) => place.check().await,
            Self::Local(place) => place.check().await,
        }
    }

    /// Opens a finished file: its length and its bytes.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be read.
    pub async fn open(&self, key: &str) -> Result<(u64, Reader), Failure> {
        let key = key::relative(key)?;
        match self {
            Self::S3(place) => place.open(&key).await,
            Self::Local(place) => place.open(&key).await,
        }
    }

    /// Where a file of this key is, as the caller is told: a path, or `s3://bucket/key`.
    #[must_use]
    pub fn locate(&self, key: &str) -> String {
        match self {
            Self::S3(place) => place.locate(key),
            Self::Local(place) => place.locate(key),
        }
    }
}

/// A file on its way. Dropping it throws the file away.
#[derive(Debug)]
pub struct Upload {
    /// Gone after a failure, and while a write is under way: what was interrupted can never be finished.
    sink: Option<Sink>,
    bytes: u64,
    digest: Sha256,
}

#[derive(Debug)]
enum Sink {
    S3(s3::S3Upload),
    Local(local::LocalUpload),
}

impl Upload {
    /// Appends bytes. Chunks of any size are fine; memory stays within a few parts.
    ///
    /// # Errors
    /// When the place refuses them; the upload is then lost.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), Failure> {
        let mut sink = self.sink.take().ok_or_else(lost)?;
        self.bytes += chunk.len() as u64;
        self.digest.update(&chunk);
        match &mut sink {
            Sink::S3(upload) => upload.write(chunk).await?,
            Sink::Local(upload) => upload.write(chunk).await?,
        }
        self.sink = Some(sink);
        Ok(())
    }

    /// Makes the file visible under its name, whole.
    ///
    /// # Errors
    /// When that cannot be done, or a file of that name is there already; nothing of this one stays.
    pub async fn finish(mut self) -> Result<Written, Failure> {
        match self.sink.take().ok_or_else(lost)? {
            Sink::S3(upload) => upload.finish().await?,
            Sink::Local(upload) => upload.finish().await?,
        }
        Ok(Written {
            bytes: self.bytes,
            sha256: format!("{:x}", self.digest.finalize()),
        })
    }

    /// Throws the file away, and returns when that is done. A drop does the same in the background.
    pub async fn abort(mut self) {
        match self.sink.take() {
            Some(Sink::S3(upload)) => upload.abort().await,
            Some(Sink::Local(_)) | None => {}
        }
    }
}

fn lost() -> Failure {
    Failure::passing(
        Origin::Internal,
        FailureKind::Internal,
        "The upload was interrupted before; the file is written anew.",
    )
}

fn taken(location: &str) -> Failure {
    Failure::lasting(
        Origin::Destination,
        FailureKind::Refused,
        format!(
            "{location} exists already and is not overwritten. Remove it, or choose another path."
        ),
    )
}
