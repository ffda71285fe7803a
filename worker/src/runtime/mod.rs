//! How a worker hears of jobs, claims them, and settles how they ended.

mod attempt;
pub mod bell;
mod claims;
mod grouped;
mod held;
mod memory;
mod notes;
mod outcome;
mod pool;
mod settling;
mod waking;

pub use attempt::{Attempt, Work, attempt};
pub use claims::Claims;
pub use held::HeldLeases;
pub use memory::{Memory, Reserved, Room};
pub use notes::Notes;
pub use outcome::{Halt, Outcome};
pub use pool::{Pool, Starter, pool};
pub use settling::{Ending, Settling};
pub use waking::Waking;
pub(crate) use waking::wake;

/// A name no other start of any process has: names of workers that came back under their old name hide what the old
/// one left behind.
#[must_use]
pub fn unique_name(role: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "host",
        host => host,
    };
    format!(
        "{role}-{host}-{}-{:08x}",
        std::process::id(),
        rand::random::<u32>()
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_starts_have_one_name() {
        assert_ne!(super::unique_name("sync"), super::unique_name("sync"));
    }
}
