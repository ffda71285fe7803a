//! The fakes against the real thing: what the vendors' own clients and published examples say of the sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stripe_client;
mod stripe_fixtures;
