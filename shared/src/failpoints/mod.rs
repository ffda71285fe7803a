//! Steps of a job at which a test may let the process die. Without the feature `failpoints` they are nothing.

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static CRASH_AT: OnceLock<u64> = OnceLock::new();
    static STEPS: AtomicU64 = AtomicU64::new(0);

    /// Lets the process die at its step of this number, counted from 0.
    pub fn crash_at(step: u64) {
        let _ = CRASH_AT.set(step);
    }

    /// A step of a job was reached.
    pub fn step(name: &str) {
        let Some(crash_at) = CRASH_AT.get() else {
            return;
        };
        let step = STEPS.fetch_add(1, Ordering::SeqCst);
        if step == *crash_at {
            tracing::error!(step, name, "dying here on request");
            std::process::abort();
        }
    }
}

#[cfg(feature = "failpoints")]
pub use armed::{crash_at, step};

/// A step of a job was reached.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn step(_: &str) {}
