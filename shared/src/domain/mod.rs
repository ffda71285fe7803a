//! The words of the product as types: pure, no I/O, no library but time and identity.

mod clock;
mod dates;
mod entity_name;
mod event;
mod failure;
mod fault;
mod filter;
mod fingerprint;
mod ids;
mod interval;
mod path_template;
mod request_ids;
mod schedule;
mod sent;
mod targets;
mod tolerance;
mod vault;
mod words;

pub use clock::Clock;
pub use dates::{DateRange, Window};
pub use entity_name::is_entity_name;
pub use event::Event;
pub use failure::{Failure, FailureKind, Origin};
pub use fault::{Fault, Faults};
pub use filter::{Condition, FieldPath, Filter, Operand, Operator};
pub use fingerprint::{Fingerprint, Unstorable, fingerprint, fingerprint_showing};
pub use ids::{
    ConnectionId, EventId, ExportId, InvalidId, JobId, KeyId, RecordErrorId, RequestId, RunId,
    SnapshotId, SyncId, TenantId, WebhookId,
};
pub use interval::{InvalidInterval, SyncInterval};
pub use path_template::{FileOf, PathTemplate, Placeholder, fixed_part};
pub use request_ids::RequestIds;
pub use schedule::{Day, Schedule};
pub use sent::Sent;
pub use targets::Targets;
pub use tolerance::{DEFAULT_MAX_DELETE_FRACTION, Tolerance};
pub use vault::{Awaited, Claim, Grant, Kept, MemoryVault, Vault, VaultError};
pub use words::{
    AttemptOutcome, Category, ChangeKind, ConnectionStatus, ConnectorStatus, CountedFor, Counting,
    DeliveryOutcome, DestinationType, Difference, EventType, ExportFormat, Frequency, JobKind,
    JobState, JsonLayout, LogKind, MissedRuns, Nested, Packing, PayloadOf, Presence, Priority,
    ReadFrom, RecordErrorStatus, Scope, SyncMode, Ties, Trigger, UnknownWord, WebhookStatus,
};
