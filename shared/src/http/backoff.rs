//! Waits between attempts. The only file that sees the `backoff` library.

use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff as _;

/// After so many doublings any wait has reached its cap.
const MAX_DOUBLINGS: u32 = 40;

/// Exponential waits with full jitter: anything between nothing and the bound of the attempt, so that many who failed
/// together do not come back together.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
}

impl Backoff {
    /// Bounds that begin at `first`, double with each attempt, and end at `cap`.
    #[must_use]
    pub const fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap }
    }

    /// The wait after the given attempt failed; the first attempt is 1.
    #[must_use]
    pub fn delay(self, attempt: u32) -> Duration {
        // The library spreads a wait to both sides of its middle: a middle of half the bound, spread by all of
        // itself, is the whole span from nothing to the bound.
        let mut waits = ExponentialBackoffBuilder::new()
            .with_initial_interval(self.first / 2)
            .with_max_interval(self.cap / 2)
            .with_multiplier(2.0)
            .with_randomization_factor(1.0)
            .with_max_elapsed_time(None)
            .build();
        for _ in 1..attempt.min(MAX_DOUBLINGS) {
            let _ = waits.next_backoff();
        }
        waits.next_backoff().unwrap_or(self.cap).min(self.cap)
    }
}

/// The wait before a job whose attempt failed is tried again: up to 1 s after the first, doubling up to 5 min.
#[must_use]
pub fn retry_delay(attempt: u32) -> Duration {
    Backoff::new(Duration::from_secs(1), Duration::from_secs(300)).delay(attempt)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest and the shortest of many waits after one attempt, in milliseconds.
    fn spread(attempt: u32) -> (u128, u128) {
        let waits: Vec<u128> = (0..2_000)
            .map(|_| retry_delay(attempt).as_millis())
            .collect();
        (
            waits.iter().copied().min().unwrap(),
            waits.iter().copied().max().unwrap(),
        )
    }

    #[test]
    fn waits_fill_the_span_from_nothing_to_a_bound_that_doubles_up_to_five_minutes() {
        for (attempt, bound_ms) in [
            (0, 1_000),
            (1, 1_000),
            (2, 2_000),
            (5, 16_000),
            (9, 256_000),
            (10, 300_000),
            (1_000, 300_000),
        ] {
            let (shortest, longest) = spread(attempt);
            assert!(longest <= bound_ms, "attempt {attempt}: {longest}");
            assert!(
                longest > bound_ms * 9 / 10,
                "attempt {attempt}: longest {longest}"
            );
            assert!(
                shortest < bound_ms / 10,
                "attempt {attempt}: shortest {shortest}"
            );
        }
    }
}
