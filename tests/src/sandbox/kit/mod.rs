//! What the fake vendors are built from.
//!
//! A vendor makes its records from [`Template`]s, or from [`columns()`] where it describes its fields, keeps them on one
//! [`Shelf`] per entity, cuts pages out of them with [`pages::cut`] (which spoils them as a [`Fault`](super::Fault) says),
//! writes them with [`write()`] so that [`money`] keeps its digits, lets callers in through an [`OAuth`](oauth::OAuth)
//! server and holds them to a [`Limit`](limits::Limit) where it has one. Once it is
//! [`Changeable`](changes::Changeable), mutations and the faults
//! that move records between two pages work by themselves. Everything follows from a seed.

pub mod changes;
mod columns;
mod exact;
pub mod limits;
mod merge;
mod money;
pub mod names;
pub mod oauth;
pub mod pages;
pub mod seeded;
mod shelf;
mod sign;
mod template;
pub mod times;
pub mod xml;

pub use self::columns::{Column, columns};
pub use self::exact::{bare, exact, exact_text, parsed, write};
pub use self::merge::merge;
pub use self::money::{cents, money, money_text, some_money};
pub use self::shelf::{Record, Shelf, ShelfError, Stamp};
pub use self::sign::hmac_sha256;
pub use self::template::Template;
