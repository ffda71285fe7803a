//! What tests the product from outside: the harness that runs it, the sandbox of fake vendors, private servers.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

pub mod azurite;
pub mod draw;
pub mod environment;
pub mod far;
pub mod harness;
pub mod moto;
pub mod ports;
pub mod postgres;
pub mod processes;
pub mod proxy;
pub mod receiver;
pub mod redis;
pub mod sandbox;
pub mod stores;
pub mod stream;
pub mod wait;
