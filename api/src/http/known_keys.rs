//! What keys may do, remembered for seconds: so that a busy caller does not cost a query per request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rail_shared::domain::KeyId;
use rail_shared::store::api_keys::KeyGrant;

/// A revoked key may still be accepted by other processes for so long; this one forgets it at once.
const REMEMBERED_FOR: Duration = Duration::from_secs(3);
/// More keys than this are not remembered at once.
const AT_MOST: usize = 1_000;

type Digest = [u8; 32];

/// Keys that were accepted a moment ago, by digest.
#[derive(Debug, Default)]
pub struct KnownKeys(Mutex<HashMap<Digest, (KeyGrant, Instant)>>);

impl KnownKeys {
    /// What the key of this digest may do, where that was looked up a moment ago.
    pub fn remembered(&self, digest: &Digest) -> Option<KeyGrant> {
        let known = self.known();
        let (grant, since) = known.get(digest)?;
        (since.elapsed() < REMEMBERED_FOR).then(|| grant.clone())
    }

    /// Remembers what a key may do.
    pub fn remember(&self, digest: Digest, grant: KeyGrant) {
        let mut known = self.known();
        if known.len() >= AT_MOST {
            known.retain(|_, (_, since)| since.elapsed() < REMEMBERED_FOR);
        }
        if known.len() < AT_MOST {
            known.insert(digest, (grant, Instant::now()));
        }
    }

    /// Forgets a key: it was revoked.
    pub fn forget(&self, key: KeyId) {
        self.known().retain(|_, (grant, _)| grant.key_id != key);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Digest, (KeyGrant, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
