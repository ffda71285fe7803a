//! Events, as those who follow the stream get them.

mod tail;

pub use tail::{Reader, Tails};
