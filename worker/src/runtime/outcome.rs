//! How an attempt ends, as a value.

use std::time::Duration;

use rail_shared::domain::{Failure, FailureKind, JobKind};
use rail_shared::http::retry_delay;
use rail_shared::store::{Lease, Settled, StoreError};

/// Attempts in a row that commit nothing before a job fails for good: with the waits between them, about half an hour.
const BARREN_ATTEMPTS: i32 = 10;
/// Until Postgres is asked again.
const STORE_AWAY: Duration = Duration::from_secs(5);

/// However long the other side asks us to wait: it may be mistaken.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// How long the other side may go on asking us to wait while nothing is committed.
const LONGEST_IDLE: Duration = Duration::from_secs(24 * 3_600);

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The work is complete.
    Done,
    /// Not now; no attempt is spent.
    Snooze(Duration),
    /// Not now, because the other side asks us to wait or there is no room here; no attempt is spent, but it does not go
    /// on for ever.
    Throttled(Failure, Duration),
    /// Ended on request.
    Cancelled,
    /// Failed in a way that may pass.
    Retry(Failure),
    /// Failed for good.
    Fail(Failure),
}

/// Why work stops before it is complete.
#[derive(Debug)]
pub enum Halt {
    /// Something outside failed.
    Failed(Failure),
    /// The store refused or is away.
    Store(StoreError),
    /// The process is stopping.
    Stopping,
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Halt {
    /// Whether the same may go well later.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(self, Self::Failed(failure) if !failure.retryable && !failure.is_only_a_wait())
    }

    /// The one of two that decides: a store that refuses, then what fails for good, what is to be tried again, what has to
    /// wait. The first of equals.
    pub(crate) fn or_graver(self, other: Self) -> Self {
        if other.gravity() > self.gravity() {
            other
        } else {
            self
        }
    }

    fn gravity(&self) -> u8 {
        match self {
            Self::Store(StoreError::LeaseLost) => 5,
            Self::Store(_) => 4,
            Self::Failed(_) if !self.may_pass() => 3,
            Self::Failed(failure) if !failure.is_only_a_wait() => 2,
            Self::Failed(_) => 1,
            Self::Stopping => 0,
        }
    }

    /// What follows; `None` when the lease is lost and nothing may be written any more.
    pub(crate) fn outcome(self) -> Option<Outcome> {
        Some(match self {
            Self::Stopping => Outcome::Snooze(Duration::ZERO),
            Self::Store(StoreError::LeaseLost) => return None,
            Self::Store(StoreError::Unavailable(_)) => Outcome::Snooze(STORE_AWAY),
            Self::Store(_) => Outcome::Retry(Failure::internal()),
            Self::Failed(failure) if failure.is_only_a_wait() => {
                let asked = failure.retry_after.unwrap_or_else(|| retry_delay(4));
                Outcome::Throttled(failure, asked.min(LONGEST_WAIT))
            }
            Self::Failed(failure) if failure.retryable => Outcome::Retry(failure),
            Self::Failed(failure) => Outcome::Fail(failure),
        })
    }
}

impl Outcome {
    /// What follows from the attempts before this one: a job whose workers died again and again is given up, so that it
    /// does not take every worker along.
    pub(super) fn before(lease: &Lease) -> Option<Self> {
        (lease.barren_attempts >= BARREN_ATTEMPTS && lease.kind != JobKind::Delivery)
            .then(|| Self::Fail(given_up(&attempts(), Failure::internal())))
    }

    /// What is written of it: a retry becomes a failure when nothing was achieved for too long.
    pub(super) fn settled(self, lease: &Lease, progress: Progress) -> Settled {
        match self {
            Self::Done => Settled::Done,
            Self::Snooze(wait) => Settled::Snoozed(wait, None),
            Self::Throttled(failure, _)
                if progress == Progress::None
                    && lease.idle_for >= LONGEST_IDLE
                    && !failure.is_used_up() =>
            {
                Settled::Failed(given_up("a day of waiting", failure))
            }
            Self::Throttled(failure, wait) => Settled::Snoozed(wait, Some(failure)),
            Self::Cancelled => Settled::Cancelled,
            Self::Fail(failure) => Settled::Failed(failure),
            Self::Retry(failure) => {
                let barren = match progress {
                    Progress::Made => 1,
                    Progress::None => lease.barren_attempts + 1,
                };
                // A webhook's job lives as long as the webhook.
                if barren >= BARREN_ATTEMPTS && lease.kind != JobKind::Delivery {
                    return Settled::Failed(given_up(&attempts(), failure));
                }
                let asked = failure.retry_after.unwrap_or_default().min(LONGEST_WAIT);
                let wait = retry_delay(u32::try_from(barren).unwrap_or(1)).max(asked);
                Settled::Retry(failure, wait)
            }
        }
    }
}

/// Whether an attempt committed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Made,
    None,
}

fn given_up(after: &str, mut failure: Failure) -> Failure {
    failure.retryable = false;
    failure.message = if failure.kind == FailureKind::Internal {
        format!("Given up after {after} that ended in an internal error.")
    } else {
        format!(
            "Given up after {after} without progress. {}",
            failure.message
        )
    };
    failure
}

fn attempts() -> String {
    format!("{BARREN_ATTEMPTS} attempts")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rail_shared::domain::{JobId, JobKind, Origin, TenantId};

    fn lease(barren_attempts: i32) -> Lease {
        Lease {
            job_id: JobId::new(),
            tenant_id: TenantId::new(),
            connection_id: None,
            kind: JobKind::Sync,
            fence: 1,
            attempt: 20,
            barren_attempts,
            idle_for: Duration::ZERO,
            cancelled: false,
            length: Duration::from_secs(15),
        }
    }

    fn passing() -> Failure {
        Failure::passing(
            Origin::Vendor,
            FailureKind::Unavailable,
            "The vendor answered 503.",
        )
    }

    fn limited(wait: Duration) -> Outcome {
        let failure = Failure::passing(
            Origin::Vendor,
            FailureKind::RateLimited,
            "Too many requests.",
        );
        Halt::Failed(failure.after(Some(wait))).outcome().unwrap()
    }

    #[test]
    fn a_rate_limit_is_a_snooze_for_as_long_as_the_vendor_says() {
        let wait = Duration::from_secs(7);
        assert!(matches!(
            limited(wait).settled(&lease(0), Progress::None),
            Settled::Snoozed(told, Some(why)) if told == wait && why.message == "Too many requests."
        ));
    }

    #[test]
    fn work_that_found_no_room_here_waits_for_a_moment_and_spends_no_attempt() {
        let crowded = Failure::crowded("Other large answers were being read.");
        let outcome = Halt::Failed(crowded).outcome().unwrap();
        let last_attempt = lease(BARREN_ATTEMPTS - 1);
        assert!(matches!(
            outcome.settled(&last_attempt, Progress::None),
            Settled::Snoozed(wait, _) if wait <= Duration::from_secs(10)
        ));
    }

    #[test]
    fn a_vendor_that_only_ever_asks_to_wait_is_given_up_after_a_day_without_progress() {
        let mut idle = lease(0);
        idle.idle_for = LONGEST_IDLE;
        let wait = Duration::from_secs(7);
        assert!(matches!(
            limited(wait).settled(&idle, Progress::Made),
            Settled::Snoozed(..)
        ));
        assert!(matches!(
            limited(wait).settled(&idle, Progress::None),
            Settled::Failed(failure) if !failure.retryable && failure.message.contains("a day")
        ));
        idle.idle_for -= Duration::from_secs(1);
        assert!(matches!(
            limited(wait).settled(&idle, Progress::None),
            Settled::Snoozed(..)
        ));
    }

    #[test]
    fn a_wait_for_the_rate_budget_ends_by_itself_and_so_is_never_given_up() {
        let mut idle = lease(0);
        idle.idle_for = LONGEST_IDLE;
        let used_up = Failure::used_up("The day is used up.", Duration::from_secs(60));
        let outcome = Halt::Failed(used_up).outcome().unwrap();
        assert!(matches!(
            outcome.settled(&idle, Progress::None),
            Settled::Snoozed(wait, Some(_)) if wait == Duration::from_secs(60)
        ));
    }

    #[test]
    fn retries_end_only_when_nothing_was_achieved_for_too_long() {
        let last = BARREN_ATTEMPTS - 1;
        let retry = Outcome::Retry(passing());
        assert!(matches!(
            retry.clone().settled(&lease(last - 1), Progress::None),
            Settled::Retry(..)
        ));
        assert!(matches!(
            retry.clone().settled(&lease(last), Progress::Made),
            Settled::Retry(..)
        ));
        assert!(
            matches!(retry.settled(&lease(last), Progress::None), Settled::Failed(failure) if !failure.retryable)
        );
    }

    #[test]
    fn a_vendor_that_asks_for_a_year_is_asked_again_in_an_hour() {
        let year = Duration::from_secs(31_536_000);
        assert!(matches!(
            limited(year).settled(&lease(0), Progress::None),
            Settled::Snoozed(wait, _) if wait == LONGEST_WAIT
        ));
        let retry = Outcome::Retry(passing().after(Some(Duration::MAX)));
        assert!(
            matches!(retry.settled(&lease(0), Progress::None), Settled::Retry(_, wait) if wait == LONGEST_WAIT)
        );
    }

    #[test]
    fn a_job_whose_workers_died_again_and_again_is_given_up() {
        assert_eq!(Outcome::before(&lease(BARREN_ATTEMPTS - 1)), None);
        assert!(matches!(
            Outcome::before(&lease(BARREN_ATTEMPTS)),
            Some(Outcome::Fail(failure)) if !failure.retryable
        ));
    }

    #[test]
    fn a_lost_lease_leaves_nothing_to_write() {
        assert_eq!(Halt::Store(StoreError::LeaseLost).outcome(), None);
        assert_eq!(
            Halt::Stopping.outcome(),
            Some(Outcome::Snooze(Duration::ZERO))
        );
    }
}
