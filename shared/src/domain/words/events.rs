//! The words of events and of webhooks.

use super::{JobKind, JobState};

words!(
    /// What an event reports.
    EventType {
        /// A connection was made.
        Connected = "integration.connected",
        /// The vendor no longer accepts a connection's credentials.
        ReauthRequired = "integration.connection.reauth_required",
        /// A worker took a sync up for the first time.
        SyncStarted = "integration.sync.started",
        /// A sync is complete.
        SyncCompleted = "integration.sync.completed",
        /// A sync ended by an error.
        SyncFailed = "integration.sync.failed",
        /// A sync was ended on request.
        SyncCancelled = "integration.sync.cancelled",
        /// The files of an export run are whole and in their place.
        ExportCompleted = "integration.export.completed",
        /// An export run ended by an error.
        ExportFailed = "integration.export.failed",
        /// A webhook gets no more events: its receiver said so, or failed for days.
        WebhookDisabled = "integration.webhook.disabled",
    }
);

impl EventType {
    /// What the end of a job is reported as, where it is.
    #[must_use]
    pub const fn of_end(kind: JobKind, state: JobState) -> Option<Self> {
        match (kind, state) {
            (JobKind::Sync, JobState::Completed) => Some(Self::SyncCompleted),
            (JobKind::Sync, JobState::Failed) => Some(Self::SyncFailed),
            (JobKind::Sync, JobState::Cancelled) => Some(Self::SyncCancelled),
            (JobKind::Export, JobState::Completed) => Some(Self::ExportCompleted),
            (JobKind::Export, JobState::Failed) => Some(Self::ExportFailed),
            (JobKind::Export, JobState::Cancelled)
            | (JobKind::Delivery, _)
            | (_, JobState::Queued | JobState::Running) => None,
        }
    }
}

words!(
    /// Where a webhook stands.
    WebhookStatus {
        /// It gets events.
        Enabled = "ENABLED",
        /// Held by its owner: it goes on from its place when it is resumed.
        Paused = "PAUSED",
        /// Its receiver wants no more, or failed for days; it goes on from its place when it is resumed.
        Disabled = "DISABLED",
    }
);
words!(
    /// What came of one attempt at telling a webhook of an event.
    DeliveryOutcome {
        /// The receiver answered with a 2xx.
        Delivered = "DELIVERED",
        /// It did not; it is tried again.
        Retry = "RETRY",
        /// It did not, as often as is tried; what comes after the event goes on.
        GivenUp = "GIVEN_UP",
    }
);
