//! What only builds with failpoints read.

use super::Environment;

/// At which step a test wants the process to die (`RAIL_CRASH_AT_STEP`).
#[must_use]
pub fn crash_at_step(env: &Environment) -> Option<u64> {
    env.read()
        .parsed("RAIL_CRASH_AT_STEP", "a number", |text| text.parse().ok())
}
