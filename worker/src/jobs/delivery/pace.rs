//! At most so many events a second for one receiver.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Gives turns with at least the same time between them.
#[derive(Debug)]
pub(super) struct Pace {
    between: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// So many turns a second; as many as wanted when `None`.
    pub(super) fn new(a_second: Option<i32>) -> Self {
        let between = match a_second {
            Some(turns) if turns > 0 => Duration::from_secs(1) / turns.unsigned_abs(),
            _ => Duration::ZERO,
        };
        Self {
            between,
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for the next turn.
    pub(super) async fn turn(&self) {
        if self.between.is_zero() {
            return;
        }
        let mut next = self.next.lock().await;
        let at = (*next).max(Instant::now());
        *next = at + self.between;
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_apart_and_the_first_is_at_once() {
        let pace = Pace::new(Some(4));
        let begun = Instant::now();
        for _ in 0..9 {
            pace.turn().await;
        }
        assert_eq!(begun.elapsed().as_millis(), 2_000);
        Pace::new(None).turn().await;
        assert_eq!(begun.elapsed().as_millis(), 2_000);
    }
}
