//! What the fake vendors are built from.
//!
//! A vendor keeps its records on one [`Shelf`] per entity, cuts pages out of them with [`pages::cut`] (which spoils them
//! as a [`Fault`](super::Fault) says), writes them with [`write`] so that money keeps its digits, and lets callers in
//! through an [`OAuth`](oauth::OAuth) server where it has one. Everything follows from a seed.

mod exact;
mod merge;
pub mod names;
pub mod oauth;
pub mod pages;
pub mod seeded;
mod shelf;
mod sign;
pub mod times;

pub use self::exact::{exact, exact_text, parsed, write};
pub use self::merge::merge;
pub use self::shelf::{Record, Shelf, ShelfError, Stamp};
pub use self::sign::hmac_sha256;
