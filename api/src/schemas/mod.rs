//! What stands on the wire. Answers are made from rows by `From`, which names every column, so that a new one must be
//! decided on; bodies say what they mean by [`Asked`](crate::http::body::Asked).

pub mod api_key;
pub mod authorization;
pub mod budget;
pub mod change;
pub mod connection;
pub mod connection_asked;
pub mod connector;
pub mod cursor;
pub mod entity;
pub mod event;
pub mod export;
pub mod export_asked;
pub mod export_options;
pub mod export_test;
pub mod failure;
pub mod job;
pub mod record;
pub mod record_error;
pub mod records_put;
pub mod run;
pub mod snapshot;
pub mod sync;
pub mod sync_asked;
pub mod sync_log;
pub mod webhook;
pub mod webhook_asked;
pub mod wire;
