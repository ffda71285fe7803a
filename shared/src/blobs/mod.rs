//! Where files go, and the buckets that are read: the one door to object stores and to the operator's directory.
//!
//! A file is invisible until [`Upload::finish`] made it whole. Whatever happens before (an error, a drop, the death of
//! the process) leaves nothing under its name. What was there before is replaced only by a destination of
//! [`Existing::Replace`], and then at once by the whole file; only an S3 store that passes over conditions, and does not say
//! so, replaces without being asked to.

mod azure;
mod bucket;
mod configured;
mod connected;
mod filling;
mod key;
mod ledger;
mod local;
mod media_type;
mod outputs;
mod s3;
mod unwritten;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::AsyncRead;

use crate::domain::{Failure, FailureKind, Origin};

pub use self::azure::AzurePlace;
pub use self::bucket::{AzureKey, AzureSettings, Bucket, Listed, Listing, NotRead, Piece, Turns};
pub use self::configured::{Credentials, DestinationSettings, connector_for};
pub use self::ledger::{Ledger, Noting, Unfinished};
pub use self::local::LocalPlace;
pub use self::media_type::media_type;
pub use self::outputs::Outputs;
pub use self::s3::{Addressing, S3Keys, S3Place, S3Settings};

/// A place that holds files, and what becomes of those that are there already.
#[derive(Debug, Clone)]
pub struct Destination {
    place: Place,
    existing: Existing,
    ledger: Option<Arc<dyn Ledger>>,
}

/// A place that holds files.
#[derive(Debug, Clone)]
pub enum Place {
    /// A bucket, and a prefix in it.
    S3(Box<S3Place>),
    /// A container, and a prefix in it.
    Azure(Box<AzurePlace>),
    /// A directory below the one the operator allows.
    Local(LocalPlace),
}

/// What becomes of a file that has the name of one to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// It stays, and the new one is refused.
    #[default]
    Keep,
    /// The new one replaces it, once it is whole.
    Replace,
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

impl From<Place> for Destination {
    fn from(place: Place) -> Self {
        Self {
            place,
            existing: Existing::Keep,
            ledger: None,
        }
    }
}

impl Destination {
    /// The same, with another rule for names that are taken.
    #[must_use]
    pub fn with_existing(self, existing: Existing) -> Self {
        Self { existing, ..self }
    }

    /// What becomes of a file whose name is taken.
    #[must_use]
    pub fn existing(&self) -> Existing {
        self.existing
    }

    /// The place itself.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The same, noting what would stay if the process died, before any byte is sent.
    #[must_use]
    pub fn noting_in(self, ledger: Arc<dyn Ledger>) -> Self {
        Self {
            ledger: Some(ledger),
            ..self
        }
    }

    /// Starts a file. `key` is relative, its parts separated by `/`.
    ///
    /// # Errors
    /// When the key is not one, or the place cannot be written to. That the name is taken may show only at the end.
    pub async fn begin(&self, key: &str) -> Result<Upload, Failure> {
        let key = key::relative(key)?;
        let sink = match &self.place {
            Place::S3(place) => Sink::S3(Box::new(place.begin(&key, self)?)),
            Place::Azure(place) => Sink::Azure(Box::new(place.begin(&key, self.existing)?)),
            Place::Local(place) => Sink::Local(place.begin(&key, self).await?),
        };
        Ok(Upload {
            sink: Some(sink),
            bytes: 0,
            digest: Sha256::new(),
        })
    }

    /// Takes away what is left of a file that was begun here and that nobody writes any more.
    ///
    /// # Errors
    /// When that cannot be done; that there is nothing any more is none.
    pub async fn withdraw(&self, left: &Unfinished) -> Result<(), Failure> {
        let key = key::relative(&left.key)?;
        match &self.place {
            Place::S3(place) => place.withdraw(&key, &left.token).await,
            // Nobody can, and nobody has to.
            Place::Azure(_) => Ok(()),
            Place::Local(place) => place.withdraw(&key, &left.token).await,
        }
    }

    /// Whether files can be written here; leaves nothing behind.
    ///
    /// # Errors
    /// Why they cannot, and what to change.
    pub async fn check(&self) -> Result<(), Failure> {
        match &self.place {
            Place::S3(place) => place.check().await,
            Place::Azure(place) => place.check().await,
            Place::Local(place) => place.check().await,
        }
    }

    /// Opens a finished file: its length and its bytes.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be read.
    pub async fn open(&self, key: &str) -> Result<(u64, Reader), Failure> {
        let key = key::relative(key)?;
        match &self.place {
            Place::S3(place) => place.open(&key).await,
            Place::Azure(place) => place.open(&key).await,
            Place::Local(place) => place.open(&key).await,
        }
    }

    /// A URL that gives a finished file to whoever has it, until it expires. `None` where there is no such thing: the
    /// folder's files are [opened](Self::open), and a SAS token makes no other one.
    ///
    /// # Errors
    /// When it cannot be signed. Whether there is such a file is not asked, nor whether these credentials may read it.
    pub async fn link(&self, key: &str, valid: Duration) -> Result<Option<String>, Failure> {
        let key = key::relative(key)?;
        match &self.place {
            Place::S3(place) => place.link(&key, valid).map(Some),
            Place::Azure(place) => place.link(&key, valid),
            Place::Local(_) => Ok(None),
        }
    }

    /// Where a file of this key is, as the caller is told: a path, `s3://bucket/key`, or a blob's URL.
    #[must_use]
    pub fn locate(&self, key: &str) -> String {
        match &self.place {
            Place::S3(place) => place.locate(key),
            Place::Azure(place) => place.locate(key),
            Place::Local(place) => place.locate(key),
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
    S3(Box<s3::S3Upload>),
    Azure(Box<azure::AzureUpload>),
    Local(local::LocalUpload),
}

impl Upload {
    /// Appends bytes. Chunks of any size are fine; memory stays within two parts.
    ///
    /// # Errors
    /// When the place refuses them; the upload is then lost.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), Failure> {
        let mut sink = self.sink.take().ok_or_else(lost)?;
        self.bytes += chunk.len() as u64;
        self.digest.update(&chunk);
        match &mut sink {
            Sink::S3(upload) => upload.write(chunk).await?,
            Sink::Azure(upload) => upload.write(chunk).await?,
            Sink::Local(upload) => upload.write(chunk).await?,
        }
        self.sink = Some(sink);
        Ok(())
    }

    /// Sends what waits to be sent: all bytes are there, and until the file is made visible it takes no more memory than a
    /// small one.
    ///
    /// # Errors
    /// When the place refuses them; the upload is then lost.
    pub async fn seal(&mut self) -> Result<(), Failure> {
        let mut sink = self.sink.take().ok_or_else(lost)?;
        match &mut sink {
            Sink::S3(upload) => upload.seal().await?,
            Sink::Azure(upload) => upload.seal().await?,
            Sink::Local(_) => {}
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
            Sink::Azure(upload) => upload.finish().await?,
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
            Some(Sink::Azure(_) | Sink::Local(_)) | None => {}
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
            "{location} exists already and is not overwritten. Remove it, choose another path, or set overwrite."
        ),
    )
}
