//! What a vendor gave for a connection by OAuth 2, and where it is kept: the connectors fetch it, the store keeps it, and
//! neither knows the other.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

/// Tokens, and the facts that came with them. Its `Debug` prints no token.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// For requests.
    pub access_token: Option<SecretString>,
    /// For the next access token.
    pub refresh_token: Option<SecretString>,
    /// When the access token was fetched; absent for one that somebody brought.
    pub fetched_at: Option<DateTime<Utc>>,
    /// When the access token ends, where the vendor said.
    pub expires_at: Option<DateTime<Utc>>,
    /// What the vendor told along with the tokens, by the names of the catalogue: `realmId`.
    pub facts: BTreeMap<String, String>,
}

/// A grant as it is kept. Its version rises with every change.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// The grant; absent when none was kept yet.
    pub grant: Option<Grant>,
    /// Which one it is; 0 before the first.
    pub version: i64,
}

/// Who may fetch a new grant.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The claimant, from this one.
    Ours(Kept),
    /// Another.
    Theirs,
}

/// Why a grant cannot be read or kept; the cause is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored grant cannot be reached")]
pub struct VaultError;

/// An answer of a [`Vault`] that is being awaited.
pub type Awaited<'a, T> = Pin<Box<dyn Future<Output = Result<T, VaultError>> + Send + 'a>>;

/// Where the grant of one connection is kept, for all processes that use it.
pub trait Vault: fmt::Debug + Send + Sync {
    /// The grant as it is now.
    fn read(&self) -> Awaited<'_, Kept>;

    /// The right to fetch a new grant, for so long, by the vault's own clock.
    fn claim(&self, within: Duration) -> Awaited<'_, Claim>;

    /// Gives the right back.
    fn release(&self) -> Awaited<'_, ()>;

    /// Keeps a grant that was made from the one of this version, and gives the right back; `None` when the kept one is
    /// another by now, and nothing was written.
    fn keep(&self, grant: Grant, made_from: i64) -> Awaited<'_, Option<Kept>>;
}

/// A vault in memory: for credentials that are tried before they are stored.
#[derive(Debug, Default)]
pub struct MemoryVault(Mutex<Kept>);

impl MemoryVault {
    /// What it holds.
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for MemoryVault {
    fn read(&self) -> Awaited<'_, Kept> {
        Box::pin(async { Ok(self.kept()) })
    }

    fn claim(&self, _: Duration) -> Awaited<'_, Claim> {
        Box::pin(async { Ok(Claim::Ours(self.kept())) })
    }

    fn release(&self) -> Awaited<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn keep(&self, grant: Grant, made_from: i64) -> Awaited<'_, Option<Kept>> {
        Box::pin(async move {
            let mut kept = self.lock();
            if kept.version != made_from {
                return Ok(None);
            }
            *kept = Kept {
                grant: Some(grant),
                version: made_from + 1,
            };
            Ok(Some(kept.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_token_of_a_grant() {
        let grant = Grant {
            access_token: Some("at_hidden".into()),
            refresh_token: Some("rt_hidden".into()),
            ..Grant::default()
        };
        let shown = format!("{grant:?}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
