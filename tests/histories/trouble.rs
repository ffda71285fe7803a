//! What may befall an attempt of a job.

/// What befalls an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Its worker dies at this step.
    Crash(u64),
    /// It is asked to stop at this step, as by SIGTERM.
    Stop(u64),
    /// It stands still at this place until the job is over: what it still wants to write is refused.
    Freeze(u64),
    /// It stands still at this place until another worker begins.
    Nap(u64),
    /// Two workers hear the same ring.
    Race,
}
