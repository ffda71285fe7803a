//! How an attempt ends, as a value.

use std::time::Duration;

use rail_shared::domain::{Failure, FailureKind, Origin};
use rail_shared::http::retry_delay;
use rail_shared::store::{Lease, Settled, StoreError};

/// Attempts in a row that commit nothing before a job fails for good: with the waits between them, about half an hour.
const BARREN_ATTEMPTS: i32 = 10;
/// Until Postgres is asked again.
const STORE_AWAY: Duration = Duration::from_secs(5);

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The work is complete.
    Done,
    /// Not now; no attempt is spent.
    Snooze(Duration),
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
    /// What follows; `None` when the lease is lost and nothing may be written any more.
    pub(crate) fn outcome(self) -> Option<Outcome> {
        Some(match self {
            Self::Stopping => Outcome::Snooze(Duration::ZERO),
            Self::Store(StoreError::LeaseLost) => return None,
            Self::Store(StoreError::Unavailable(_)) => Outcome::Snooze(STORE_AWAY),
            Self::Store(_) => Outcome::Retry(Failure::internal()),
            Self::Failed(failure) if failure.kind == FailureKind::RateLimited => {
                Outcome::Snooze(failure.retry_after.unwrap_or_else(|| retry_delay(4)))
            }
            Self::Failed(failure) if failure.retryable => Outcome::Retry(failure),
            Self::Failed(failure) => Outcome::Fail(failure),
        })
    }
}

impl Outcome {
    /// What is written of it: a retry becomes a failure when nothing was achieved for too long.
    pub(super) fn settled(self, lease: &Lease, progress: Progress) -> Settled {
        match self {
            Self::Done => Settled::Done,
            Self::Snooze(wait) => Settled::Snoozed(wait),
            Self::Fail(failure) => Settled::Failed(failure),
            Self::Retry(failure) => {
                let barren = match progress {
                    Progress::Made => 1,
                    Progress::None => lease.barren_attempts + 1,
                };
                if barren >= BARREN_ATTEMPTS {
                    return Settled::Failed(given_up(failure));
                }
                let asked = failure.retry_after.unwrap_or_default();
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

fn given_up(mut failure: Failure) -> Failure {
    failure.retryable = false;
    failure.message = format!(
        "Given up after {BARREN_ATTEMPTS} attempts without progress. {}",
        failure.message
    );
    if failure.origin == Origin::Internal {
        failure.message =
            format!("Given up after {BARREN_ATTEMPTS} attempts that ended in an internal error.");
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use rail_shared::domain::{JobId, JobKind, TenantId};

    fn lease(barren_attempts: i32) -> Lease {
        Lease {
            job_id: JobId::new(),
            tenant_id: TenantId::new(),
            connection_id: None,
            kind: JobKind::Sync,
            fence: 1,
            attempt: 20,
            barren_attempts,
        }
    }

    fn passing() -> Failure {
        Failure::passing(
            Origin::Vendor,
            FailureKind::Unavailable,
            "The vendor answered 503.",
        )
    }

    #[test]
    fn a_rate_limit_is_a_snooze_for_as_long_as_the_vendor_says() {
        let limited = Failure::passing(
            Origin::Vendor,
            FailureKind::RateLimited,
            "Too many requests.",
        );
        let halt = Halt::Failed(limited.after(Some(Duration::from_secs(7))));
        assert_eq!(
            halt.outcome(),
            Some(Outcome::Snooze(Duration::from_secs(7)))
        );
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
    fn a_lost_lease_leaves_nothing_to_write() {
        assert_eq!(Halt::Store(StoreError::LeaseLost).outcome(), None);
        assert_eq!(
            Halt::Stopping.outcome(),
            Some(Outcome::Snooze(Duration::ZERO))
        );
    }
}
