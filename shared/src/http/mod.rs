//! The one door to outgoing HTTP, and to the waits between attempts.
//!
//! [`Http`] sends a [`Request`] and hands back a bounded [`Answer`]: no redirect is followed, no proxy is taken from the
//! environment, and an address that belongs to the inside of a network is refused at connect time by the [`Guard`]
//! unless the operator named that origin. [`retry_delay`] is the wait before a job is tried again.

mod answer;
mod backoff;
mod client;
mod error;
mod guard;
mod request;

#[cfg(test)]
pub(crate) mod canned;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use backoff::{Backoff, retry_delay};
pub use client::{Http, Limits};
pub use error::HttpError;
pub use guard::{Guard, Networks, is_public};
pub use request::{Method, Request};
