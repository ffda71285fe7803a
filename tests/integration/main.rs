//! The parts against the real servers they were made for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod queue;
