//! Random histories: whatever befalls those who work, what there is in the end is what a model says that knows nothing of the
//! product. docs/reliability.md says what is drawn.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

mod course;
mod doom;
mod exports;
mod runner;
mod syncs;
mod trouble;

/// The one that is, and the one that must be.
#[allow(
    clippy::needless_pass_by_value,
    reason = "comparisons read better without borrowing"
)]
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: T, other: T) -> Result<(), String> {
    if one == other {
        Ok(())
    } else {
        Err(format!("{what}: {one:?}\nand not {other:?}"))
    }
}
