//! What a step does in builds with failpoints.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;

static CRASH_AT: OnceLock<u64> = OnceLock::new();
static STEPS: AtomicU64 = AtomicU64::new(0);

tokio::task_local! {
    static WATCH: Box<dyn Fn(&str) -> Fate + Send>;
}

/// What becomes of watched work at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Live,
    /// It ends there, as if its process had died: nothing after the step is done.
    Die,
}

/// What unwinds the stack of work that dies.
struct Died;

/// Lets the process die at its step of this number, counted from 0.
pub fn crash_at(step: u64) {
    let _ = CRASH_AT.set(step);
}

/// Does the work while `watch` hears of every step that its task reaches, and says what becomes of it; `None` when it died.
/// Steps of other tasks, such as those that claim and settle for many, are not heard.
pub async fn watched<F: Future>(
    watch: impl Fn(&str) -> Fate + Send + 'static,
    work: F,
) -> Option<F::Output> {
    let work = AssertUnwindSafe(work).catch_unwind();
    match WATCH.scope(Box::new(watch), work).await {
        Ok(output) => Some(output),
        Err(cause) if cause.is::<Died>() => None,
        Err(cause) => resume_unwind(cause),
    }
}

/// A step of a job was reached.
pub fn step(name: &str) {
    if WATCH.try_with(|watch| watch(name)) == Ok(Fate::Die) {
        // Not a panic: nobody is told of it.
        resume_unwind(Box::new(Died));
    }
    let Some(crash_at) = CRASH_AT.get() else {
        return;
    };
    let step = STEPS.fetch_add(1, Ordering::SeqCst);
    if step == *crash_at {
        tracing::error!(step, name, "dying here on request");
        std::process::abort();
    }
}
