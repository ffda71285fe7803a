//! The outside systems: what each is, and how its records are read.
//!
//! A connector is data first: one file under `catalog/`, or in a folder of the operator's, read into types that refuse
//! what they do not know. The engine is the only read loop: it plans a walk ([`Source::plan`]), and reads one page for one
//! [`Cursor`] ([`Source::read`]). It writes no records, and waits only for its turn ([`Source::paced`]) and for a token that
//! another process fetches: what it hands over is safe to commit together with the cursor of the next page, and failures
//! are typed so that the worker can decide. Object stores are read by `objects`, behind the same methods.

mod bulk;
mod catalogue;
mod checkpoint;
mod classify;
mod connector;
mod coverage;
mod credentials;
mod cursor;
mod define;
mod draft;
mod exchange;
mod fields;
mod file;
mod folder;
mod invalid;
mod lift;
mod milestone;
mod oauth;
mod objects;
mod one;
mod outline;
mod own;
mod page;
mod paging;
mod permissions;
mod permitted;
mod placeholders;
mod published;
mod rate;
mod reader;
mod rules;
mod select;
mod session;
mod source;
mod spans;
mod summary;
mod tables;
mod times;
mod webhook;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, CatalogueError};
pub use checkpoint::{Checkpoint, Gain};
pub use connector::Connector;
pub use coverage::{Covered, Span};
pub use cursor::{Ask, Cursor};
pub use folder::FileError;
pub use invalid::{FileFault, InvalidFile};
pub use one::{Kept, One};
pub use own::{BadPointer, OwnRecord, OwnRules, Refused};
pub use page::{Coverage, Page, Record, Rejected};
pub use permissions::TestReport;
pub use permitted::OtherEntities;
pub use published::schema_text;
pub use session::Session;
pub use source::Source;
pub use webhook::{NotTaken, Notice, Told, WebhookKeys};
