//! Identities: a prefix that says what it names, then a time-ordered random number.
//!
//! Stored as a `uuid` (version 7); written as the prefix and 26 Crockford base-32 digits, lower case, so that ids sort
//! by the time of their creation as text too.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

/// A text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {prefix} followed by {LENGTH} base-32 digits")]
pub struct InvalidId {
    /// The prefix such an id begins with.
    pub prefix: &'static str,
}

fn encode(number: u128) -> [u8; LENGTH] {
    std::array::from_fn(|at| DIGITS[(number >> (5 * (LENGTH - 1 - at))) as usize & 31])
}

fn decode(text: &str) -> Option<u128> {
    // 26 digits hold 130 bits: a first digit above 7 would overflow.
    if text.len() != LENGTH || !matches!(text.as_bytes()[0], b'0'..=b'7') {
        return None;
    }
    text.bytes().try_fold(0_u128, |number, byte| {
        let digit = VALUES[usize::from(byte)];
        (digit < 32).then_some(number << 5 | u128::from(digit))
    })
}

/// What each digit is worth; 32 for what is no digit.
const VALUES: [u8; 256] = {
    let (mut values, mut value) = ([32; 256], 0);
    while value < 32 {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
};

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, later than all before it.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "an id is made on purpose, never by default")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The number inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let digits = encode(self.0.as_u128());
                f.write_str($prefix)?;
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix($prefix)
                    .and_then(decode)
                    .map(|number| Self(Uuid::from_u128(number)))
                    .ok_or(InvalidId { prefix: $prefix })
            }
        }
    )+};
}

ids!(
    /// A tenant: one customer of this installation.
    TenantId = "ten_",
    /// An API key.
    KeyId = "key_",
    /// A connection.
    ConnectionId = "conn_",
    /// A job of any kind; a sync and an export run carry the same number as their job.
    JobId = "job_",
    /// A sync.
    SyncId = "sync_",
    /// A snapshot; it carries the same number as the sync that made it.
    SnapshotId = "snap_",
    /// A configured export.
    ExportId = "exp_",
    /// One run of an export.
    RunId = "run_",
    /// An event.
    EventId = "evt_",
    /// A webhook; its delivery job carries the same number.
    WebhookId = "whk_",
    /// A request that came without an id of its own.
    RequestId = "req_",
    /// A record that could not be stored.
    RecordErrorId = "rerr_",
);

impl From<SyncId> for JobId {
    fn from(id: SyncId) -> Self {
        Self(id.0)
    }
}

impl From<SnapshotId> for SyncId {
    fn from(id: SnapshotId) -> Self {
        Self(id.0)
    }
}

impl From<RunId> for JobId {
    fn from(id: RunId) -> Self {
        Self(id.0)
    }
}

impl From<WebhookId> for JobId {
    fn from(id: WebhookId) -> Self {
        Self(id.0)
    }
}

impl From<JobId> for WebhookId {
    fn from(id: JobId) -> Self {
        Self(id.0)
    }
}

impl From<JobId> for SyncId {
    fn from(id: JobId) -> Self {
        Self(id.0)
    }
}

impl From<JobId> for RunId {
    fn from(id: JobId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_reads_back_as_itself_and_sorts_like_its_number(a: u128, b: u128) {
            let (x, y) = (SyncId(Uuid::from_u128(a)), SyncId(Uuid::from_u128(b)));
            prop_assert_eq!(x.to_string().parse(), Ok(x));
            prop_assert_eq!(x.to_string().cmp(&y.to_string()), a.cmp(&b));
            let json = serde_json::to_value(x).unwrap();
            prop_assert_eq!(&json, &serde_json::Value::from(x.to_string()));
            prop_assert_eq!(serde_json::from_value::<SyncId>(json).unwrap(), x);
        }

        #[test]
        fn no_text_makes_reading_an_id_panic(text: String) {
            let _ = text.parse::<SyncId>();
            let _ = format!("sync_{text}").parse::<SyncId>();
        }
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let id = ConnectionId::new().to_string();
        assert_eq!(id.parse::<SyncId>(), Err(InvalidId { prefix: "sync_" }));
    }
}
