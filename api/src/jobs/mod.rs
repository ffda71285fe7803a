//! What callers ask of a job, whatever it does: that it end, or go on after it failed.

mod cancel;
mod retry;

pub use cancel::cancel;
pub use retry::retry;
