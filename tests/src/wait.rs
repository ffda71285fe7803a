//! Waiting for something to become true, with a deadline, instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::Instant;

/// How long anything may take that should happen at once: far more than it needs, so that a busy machine is no failure.
pub const SOON: Duration = Duration::from_secs(30);

/// Asks again and again until the answer is yes.
///
/// # Panics
/// When it is still no after `within`; the message says what was waited for.
pub async fn wait_until(within: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < within, "waited {within:?} for: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
