//! Postgres, the truth: a file or folder for each table, with its rows and its verbs.
//!
//! A verb takes the connection it runs on, so that the caller owns the transaction. Every verb that speaks for a
//! caller takes the tenant; verbs of a running job take its [`Lease`] and refuse when the lease is lost.

pub mod api_keys;
pub mod audit;
pub mod change_sets;
pub mod changes;
pub mod connections;
pub mod consents;
mod error;
pub mod events;
pub mod exports;
pub mod extract;
mod filter;
pub mod grants;
pub mod idempotency_keys;
pub mod job_lists;
pub mod job_requests;
pub mod jobs;
mod json_text;
pub mod kept_aside;
pub mod leases;
mod migrations;
pub mod old_runs;
pub mod own_records;
mod page;
mod pool;
pub mod reading;
pub mod record_errors;
pub mod records;
pub mod runs;
mod schema;
pub mod snapshots;
mod statement;
pub mod streams;
pub mod sweep;
pub mod sync_log;
pub mod sync_schedules;
pub mod syncs;
pub mod told_changes;
pub mod unfinished_uploads;
pub mod webhooks;
pub mod wrapping;

pub use error::StoreError;
pub use json_text::JsonText;
pub use leases::{Lease, Settled};
pub use migrations::{migrate, pending_migrations};
pub use page::{Listed, PageAsk};
pub use pool::{Conn, Store, Transaction};
