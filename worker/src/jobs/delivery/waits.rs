//! When an event that was not taken is sent again.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// How long an event is tried.
pub(super) const TRIED_FOR: Duration = Duration::from_secs(3 * 24 * 3_600);
/// How long a receiver that takes nothing is tried, before it is sent nothing more.
pub(super) const FAILING_FOR: Duration = Duration::from_secs(5 * 24 * 3_600);
/// However long a receiver asks us to wait.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3_600);

/// The wait after what fails for so long: a third of it, so that what was away is found back before it was missed much
/// longer than it was away, and jitter, so that many that failed together do not come back together; longer where the
/// receiver asked for it.
pub(super) fn wait_after(failing_for: Duration, asked: Option<Duration>) -> Duration {
    let wait = (failing_for / 3).clamp(SHORTEST, LONGEST);
    let wait = wait.mul_f64(rand::random_range(0.8..=1.0));
    wait.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_five_seconds_to_half_an_hour() {
        for (failing_s, whole_s) in [(0, 5), (60, 20), (3_600, 1_200), (300_000, 1_800)] {
            let wait = wait_after(Duration::from_secs(failing_s), None).as_secs_f64();
            let whole = f64::from(whole_s);
            assert!((whole * 0.8..=whole).contains(&wait), "{failing_s}: {wait}");
        }
    }

    #[test]
    fn an_event_is_tried_some_hundred_times_in_its_three_days() {
        let (mut failing, mut attempts) = (Duration::ZERO, 1);
        while failing < TRIED_FOR {
            failing += wait_after(failing, None);
            attempts += 1;
        }
        assert!((150..250).contains(&attempts), "{attempts}");
    }

    #[test]
    fn a_receiver_is_given_the_time_that_it_asks_for_up_to_a_day() {
        let asked = |seconds| wait_after(Duration::ZERO, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(60), Duration::from_secs(60));
        assert!(asked(1) >= Duration::from_secs(4));
        assert_eq!(asked(u64::MAX), LONGEST_ASKED);
    }
}
