//! Public keys of vendors, remembered, so that a notice seldom has to wait for one.
//!
//! Whoever knows a webhook's URL can name any key. So a key that is not there is remembered too, and no connection asks its
//! vendor for more than a few keys a minute.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::NotTaken;
use super::x509::Certificate;
use crate::domain::{ConnectionId, Failure, FailureKind, Origin};
use crate::secrets::P256Point;

/// After this a key is asked for again: it may have been retired.
const KEPT_FOR: TimeDelta = TimeDelta::hours(1);
/// A key that was not there may be there later.
const MISSED_FOR: TimeDelta = TimeDelta::minutes(1);
/// Keys asked for in a minute, of one connection.
const ASKED_A_MINUTE: usize = 10;
/// How long the vendor may take: whoever sends waits no longer either.
const PATIENCE: Duration = Duration::from_secs(4);
/// Connections whose keys are remembered.
const CONNECTIONS: usize = 10_000;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Of P-256, valid until it expires.
    P256 {
        point: P256Point,
        expired_at: Option<DateTime<Utc>>,
    },
    /// Of RSA, in a certificate.
    Rsa(Certificate),
}

/// The keys that notices were signed with. Cheap to clone.
#[derive(Clone, Default)]
pub struct WebhookKeys(Arc<Mutex<HashMap<ConnectionId, Keys>>>);

impl fmt::Debug for WebhookKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookKeys").finish_non_exhaustive()
    }
}

type Keys = Arc<tokio::sync::Mutex<OfConnection>>;

#[derive(Default)]
struct OfConnection {
    known: HashMap<String, Known>,
    asked: Vec<DateTime<Utc>>,
}

/// What came of asking for a key.
struct Known {
    /// `None`: it is not there.
    key: Option<Key>,
    since: DateTime<Utc>,
}

impl Known {
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        let kept_for = match self.key {
            Some(_) => KEPT_FOR,
            None => MISSED_FOR,
        };
        (now - self.since).abs() < kept_for
    }
}

impl WebhookKeys {
    /// The key of this name, from memory or from the vendor; those who want keys of one connection wait for each other.
    pub(super) async fn get(
        &self,
        connection: ConnectionId,
        name: &str,
        now: DateTime<Utc>,
        fetch: impl AsyncFnOnce() -> Result<Option<Key>, Failure>,
    ) -> Result<Key, NotTaken> {
        let keys = self.of(connection);
        let mut keys = keys.lock().await;
        let known = keys.known.get(name);
        if let Some(known) = known.filter(|known| known.is_fresh(now)) {
            return known.key.clone().ok_or(NotTaken::Forged);
        }
        // A key that was there is asked for again whatever others made us ask.
        let renews = known.is_some_and(|known| known.key.is_some());
        keys.asked
            .retain(|asked| (now - asked).abs() < TimeDelta::minutes(1));
        if keys.asked.len() >= ASKED_A_MINUTE && !renews {
            let message = "Too many keys were asked for; try again in a minute.";
            return Err(no_key(FailureKind::RateLimited, message));
        }
        keys.asked.push(now);
        let fetched = match tokio::time::timeout(PATIENCE, fetch()).await {
            Ok(fetched) => fetched.map_err(NotTaken::NoKey)?,
            Err(_) => {
                let message = "The vendor does not tell its key in time.";
                return Err(no_key(FailureKind::Unavailable, message));
            }
        };
        keys.known.retain(|_, known| known.is_fresh(now));
        let known = Known {
            key: fetched.clone(),
            since: now,
        };
        keys.known.insert(name.to_owned(), known);
        fetched.ok_or(NotTaken::Forged)
    }

    fn of(&self, connection: ConnectionId) -> Keys {
        let mut all = self.lock();
        if all.len() >= CONNECTIONS && !all.contains_key(&connection) {
            all.clear();
        }
        Arc::clone(all.entry(connection).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Keys>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_key(kind: FailureKind, message: &str) -> NotTaken {
    NotTaken::NoKey(Failure::passing(Origin::Vendor, kind, message.to_owned()))
}
