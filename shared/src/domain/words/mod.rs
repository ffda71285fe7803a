//! The closed sets of the contract, each with its one spelling on the wire and in Postgres.

/// A word that is not in the closed set it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not one of {expected:?}")]
pub struct UnknownWord {
    /// What was found.
    pub found: String,
    /// What would have been accepted.
    pub expected: &'static [&'static str],
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize,
            schemars::JsonSchema,
        )]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every member, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Every spelling, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The spelling on the wire and in Postgres.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::domain::UnknownWord;
            fn try_from(text: String) -> Result<Self, $crate::domain::UnknownWord> {
                text.parse()
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::domain::UnknownWord;
            fn from_str(text: &str) -> Result<Self, $crate::domain::UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::domain::UnknownWord { found: text.to_owned(), expected: Self::WORDS }),
                }
            }
        }
    };
}

mod events;
mod exports;

pub use events::{DeliveryOutcome, EventType, WebhookStatus};
pub use exports::{
    DestinationType, ExportFormat, Frequency, JsonLayout, MissedRuns, Nested, Packing,
};

words!(
    /// What a connector is for.
    Category {
        /// Card and wallet payments.
        Payments = "PAYMENTS",
        /// Books and ledgers.
        Accounting = "ACCOUNTING",
        /// Customer relations.
        Crm = "CRM",
        /// Bank accounts.
        Banking = "BANKING",
        /// Screening and monitoring.
        Compliance = "COMPLIANCE",
        /// Object stores.
        Storage = "STORAGE",
    }
);
words!(
    /// Whether a connector can be used.
    ConnectorStatus {
        /// Works, and is proven to.
        Available = "AVAILABLE",
        /// Works, with known gaps.
        Beta = "BETA",
        /// Listed, cannot be connected.
        Disabled = "DISABLED",
    }
);
words!(
    /// Where a connection stands.
    ConnectionStatus {
        /// Ready to sync.
        Active = "ACTIVE",
        /// Waits for a person to authorize it at the vendor.
        PendingAuthorization = "PENDING_AUTHORIZATION",
        /// The vendor no longer accepts its credentials.
        ReauthRequired = "REAUTH_REQUIRED",
        /// Held by its owner.
        Paused = "PAUSED",
        /// Cannot be used for the reason given beside it.
        Error = "ERROR",
    }
);
words!(
    /// What a sync reads.
    SyncMode {
        /// Every record.
        Full = "FULL",
        /// What changed since the stored checkpoint.
        Incremental = "INCREMENTAL",
        /// An immutable copy as of its start.
        Snapshot = "SNAPSHOT",
    }
);
words!(
    /// What began a sync.
    Trigger {
        /// Somebody asked for it.
        Request = "REQUEST",
        /// Its connection syncs by itself, and was due.
        Schedule = "SCHEDULE",
        /// The vendor told of changes by webhook.
        Webhook = "WEBHOOK",
    }
);
words!(
    /// How urgent a request to a vendor is, the most urgent first.
    Priority {
        /// Somebody waits for the answer: a test of a connection, a record that is to be read again.
        Interactive = "INTERACTIVE",
        /// Of a sync that somebody asked for.
        Manual = "MANUAL",
        /// Of a sync that was due by itself.
        Scheduled = "SCHEDULED",
        /// Of a sync that reads what is old: everything, or a range of days.
        Backfill = "BACKFILL",
    }
);
words!(
    /// Whose requests a vendor counts together.
    CountedFor {
        /// Those of the account that is connected.
        Account = "ACCOUNT",
        /// Those of the app that connects, for all accounts.
        App = "APP",
        /// Those of the app for the account.
        AppOnAccount = "APP_ON_ACCOUNT",
    }
);
words!(
    /// How processes count the requests to a vendor.
    Counting {
        /// All of them in one place.
        Together = "TOGETHER",
        /// Each its own, within its share.
        Apart = "APART",
    }
);
words!(
    /// How a record differs from one snapshot to another.
    Difference {
        /// It is in the later one only.
        Added = "ADDED",
        /// It is in both, and not the same.
        Changed = "CHANGED",
        /// It is in the earlier one only.
        Removed = "REMOVED",
    }
);
words!(
    /// What a job does.
    JobKind {
        /// Copies records of a connection into the store.
        Sync = "sync",
        /// Writes records as files to a destination.
        Export = "export",
        /// Sends events to a webhook.
        Delivery = "delivery",
    }
);
words!(
    /// Where a job stands; also the status of a sync and of an export run.
    JobState {
        /// Accepted, waits for a worker.
        Queued = "QUEUED",
        /// A worker holds its lease.
        Running = "RUNNING",
        /// Ended well.
        Completed = "COMPLETED",
        /// Ended with an error that retrying would not mend.
        Failed = "FAILED",
        /// Ended on request.
        Cancelled = "CANCELLED",
    }
);
words!(
    /// How one attempt at a job ended.
    AttemptOutcome {
        /// The work is complete.
        Done = "DONE",
        /// Put back without spending the attempt.
        Snoozed = "SNOOZED",
        /// Ended on request.
        Cancelled = "CANCELLED",
        /// Failed; will be tried again.
        Retry = "RETRY",
        /// Failed for good.
        Failed = "FAILED",
        /// The lease ran out before the worker said how it ended.
        LeaseLost = "LEASE_LOST",
    }
);
words!(
    /// What the feed of changes says of a record.
    ChangeKind {
        /// It is here and was not before.
        Added = "ADDED",
        /// It is another than before.
        Updated = "UPDATED",
        /// It is gone.
        Deleted = "DELETED",
    }
);

/// Whether a version of a record says that it is there or that it was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is there.
    Here,
    /// The vendor deleted it.
    Gone,
}

/// What records were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// The entity's list: each record as it is now.
    List,
    /// A feed of changes: older versions may follow newer ones.
    Feed,
}

words!(
    /// What of the vendor's answer is kept of a record that could not be stored.
    PayloadOf {
        /// The record itself.
        Record = "RECORD",
        /// The change of a feed that carries it.
        Change = "CHANGE",
    }
);
words!(
    /// Where a record error stands.
    RecordErrorStatus {
        /// The record is not stored as it now is.
        Open = "open",
        /// A later version of the record was stored, or it is gone.
        Resolved = "resolved",
    }
);
words!(
    /// What an entry of a sync's log tells.
    LogKind {
        /// A worker took the sync up.
        AttemptStarted = "attempt-started",
        /// Pages were read and what they brought was committed.
        Committed = "committed",
        /// The sync was put back to go on later; no attempt was spent.
        Waited = "waited",
        /// An attempt failed in a way that may pass.
        Retried = "retried",
        /// The worker vanished; another went on from the last commit.
        LeaseLost = "lease-lost",
        /// The sync ended by an error.
        Failed = "failed",
        /// The sync ended on request.
        Cancelled = "cancelled",
        /// The sync is complete.
        Completed = "completed",
        /// Stands for older entries that are not kept.
        LeftOut = "left-out",
    }
);

/// What wins when two versions of a record are vouched for at the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// The stored one: the feed is read newest first, so what comes later is older.
    KeepStored,
    /// The new one: it was just read.
    TakeNew,
}

words!(
    /// What an API key may do.
    Scope {
        /// Look at everything of the tenant.
        Read = "read",
        /// Change, trigger and delete.
        Write = "write",
        /// Also make and revoke keys.
        Admin = "admin",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for mode in SyncMode::ALL {
            assert_eq!(mode.as_str().parse(), Ok(*mode));
        }
        assert_eq!(SyncMode::WORDS, ["FULL", "INCREMENTAL", "SNAPSHOT"]);
    }

    #[test]
    fn an_unknown_word_names_what_would_have_been_accepted() {
        let refused = "Full".parse::<SyncMode>().unwrap_err();
        assert_eq!(refused.expected, SyncMode::WORDS);
        assert_eq!(refused.found, "Full");
    }
}
