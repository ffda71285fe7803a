//! Steps of a job at which a test may let the process die, or only the work of one task. Without the feature `failpoints`
//! they are nothing.

#[cfg(feature = "failpoints")]
mod armed;

#[cfg(feature = "failpoints")]
pub use armed::{Fate, crash_at, step, watched};

/// A step of a job was reached.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn step(_: &str) {}
