//! Uploads that would outlive the process that makes them, noted where it survives.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::domain::Failure;

/// A file that is being written and that its place would keep, unseen, if nobody ended it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its key in the destination.
    pub key: String,
    /// What the place knows it by.
    pub token: String,
}

/// An entry of a [`Ledger`] that is being made.
pub type Noting<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Where unfinished files are noted.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// A file is begun; no byte of it was sent.
    fn begun<'a>(&'a self, upload: &'a Unfinished) -> Noting<'a>;

    /// A file is whole, or all of it was taken away.
    fn ended<'a>(&'a self, upload: &'a Unfinished) -> Noting<'a>;
}

/// An entry that was made, or none where there is no ledger.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry(Option<(Arc<dyn Ledger>, Unfinished)>);

impl Entry {
    pub(super) async fn make(
        ledger: Option<&Arc<dyn Ledger>>,
        key: &str,
        token: &str,
    ) -> Result<Self, Failure> {
        let Some(ledger) = ledger else {
            return Ok(Self(None));
        };
        let upload = Unfinished {
            key: key.to_owned(),
            token: token.to_owned(),
        };
        ledger.begun(&upload).await?;
        Ok(Self(Some((Arc::clone(ledger), upload))))
    }

    /// Takes the entry out. Where that fails, whoever looks for what was abandoned finds that there is nothing.
    pub(super) async fn end(self) {
        if let Some((ledger, upload)) = self.0
            && let Err(cause) = ledger.ended(&upload).await
        {
            tracing::debug!(key = upload.key, %cause, "an ended upload stays noted");
        }
    }
}
