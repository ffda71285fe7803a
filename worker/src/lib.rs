//! Jobs in, status out.
//!
//! [`runtime`] hears rings, claims jobs and settles them; [`jobs`] does the work; [`upkeep`] repairs what was lost on
//! the way. A worker may be killed at any moment: what it committed stays, the rest is done again by another.

mod destinations;
pub mod jobs;
pub mod runtime;
pub mod upkeep;
mod worker;

pub use worker::Worker;
