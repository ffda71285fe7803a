//! What the api and the workers share.
//!
//! The floor is pure, or a door to one library: [`domain`], [`secrets`], [`config`], [`telemetry`], [`http`], [`blobs`],
//! [`budget`]; and [`failpoints`], where tests let a process die.
//! The walls stand on it and never use each other: [`store`], [`queue`], [`connectors`], [`formats`],
//! [`events`].
//! The api and the worker join them.

pub mod blobs;
pub mod budget;
pub mod config;
pub mod connectors;
pub mod domain;
pub mod events;
pub mod failpoints;
pub mod formats;
pub mod http;
pub mod queue;
pub mod secrets;
pub mod store;
pub mod telemetry;
