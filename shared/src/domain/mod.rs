//! The words of the product as types: pure, no I/O, no library but time and identity.

mod clock;
mod dates;
mod failure;
mod fault;
mod fingerprint;
mod ids;
mod interval;
mod words;

pub use clock::Clock;
pub use dates::{DateRange, Window};
pub use failure::{Failure, FailureKind, Origin};
pub use fault::{Fault, Faults};
pub use fingerprint::{Fingerprint, Unstorable, fingerprint};
pub use ids::{ConnectionId, ExportId, InvalidId, JobId, KeyId, RunId, SyncId, TenantId};
pub use interval::{InvalidInterval, SyncInterval};
pub use words::{
    AttemptOutcome, Category, ConnectionStatus, ConnectorStatus, DestinationType, ExportFormat,
    Frequency, JobKind, JobState, Scope, SyncMode, UnknownWord,
};
