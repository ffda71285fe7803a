//! The product and its parts against the real servers they were made for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cancel;
mod changes;
mod connections;
mod coverage;
mod deletes;
mod document;
mod entities;
mod exports;
mod idempotency;
mod jobs;
mod leases;
mod ordered;
mod own_records;
mod parallel;
mod queue;
mod record_errors;
mod retry;
mod room;
mod s3;
mod schedules;
mod snapshots;
mod sync_log;
mod syncs;
