//! Why a store did not write, and when it is asked again.

use std::time::Duration;

use super::bucket::NotRead;
use super::bucket::refusal::code;
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::{Answer, HttpError};

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwritten {
    #[error("no answer came")]
    Unanswered(#[from] HttpError),
    #[error("the store refused with status {}", .answer.status)]
    Refused {
        answer: Box<Answer>,
        /// Whether it came after a request of which nobody knows whether it was done.
        in_doubt: bool,
    },
    #[error("the store's answer cannot be read")]
    Malformed,
    #[error("the request cannot be signed")]
    Unsigned,
    #[error("the request was interrupted")]
    Interrupted,
}

impl From<Answer> for Unwritten {
    fn from(answer: Answer) -> Self {
        Self::Refused {
            answer: Box::new(answer),
            in_doubt: false,
        }
    }
}

impl Unwritten {
    /// What the store said, where it refused.
    pub(super) fn refusal(&self) -> Option<&Answer> {
        match self {
            Self::Refused { answer, .. } => Some(answer),
            Self::Unanswered(_) | Self::Malformed | Self::Unsigned | Self::Interrupted => None,
        }
    }

    /// Whether the store refused with this status.
    pub(super) fn has_status(&self, status: u16) -> bool {
        self.refusal().is_some_and(|answer| answer.status == status)
    }

    /// The failure to report where the name turned out to be taken: for good, unless it may be by this very file. Then the next
    /// attempt writes under another name.
    pub(super) fn taken(&self, location: &str) -> Failure {
        Failure {
            retryable: matches!(self, Self::Refused { in_doubt: true, .. }),
            ..super::taken(location)
        }
    }

    /// Whether it may have been done all the same.
    fn leaves_doubt(&self) -> bool {
        match self {
            Self::Unanswered(cause) => !matches!(cause, HttpError::Connect(_)),
            Self::Refused { answer, .. } => matches!(answer.status, 408 | 500..),
            Self::Malformed | Self::Interrupted => true,
            Self::Unsigned => false,
        }
    }

    /// Whether it may be asked again whatever it is: it never arrived, or was refused for the moment.
    pub(super) fn was_not_done(&self) -> bool {
        match self {
            Self::Unanswered(cause) => matches!(cause, HttpError::Connect(_)),
            Self::Refused { answer, .. } => matches!(answer.status, 429 | 500 | 502 | 503),
            Self::Malformed | Self::Unsigned | Self::Interrupted => false,
        }
    }

    /// Whether what may be done twice may be asked again: it was not done, or its answer was lost on the way.
    pub(super) fn may_not_be_done(&self) -> bool {
        let lost = match self {
            Self::Unanswered(cause) => {
                matches!(cause, HttpError::Reset(_) | HttpError::Timeout(_))
            }
            Self::Refused { answer, .. } => {
                matches!(answer.status, 408 | 504) || did_not_arrive(&code(answer))
            }
            Self::Malformed | Self::Unsigned | Self::Interrupted => false,
        };
        lost || self.was_not_done()
    }
}

/// Whether a store says by its code that bytes came too slowly, or otherwise than they were sent.
pub(super) fn did_not_arrive(code: &str) -> bool {
    let s3 = ["RequestTimeout", "BadDigest", "XAmzContentSHA256Mismatch"];
    s3.contains(&code) || code == "Md5Mismatch"
}

/// Waits between attempts, in milliseconds: a file that hours were spent on is not given up for a store that is away for a
/// minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits(&'static [u16]);

impl Default for Waits {
    fn default() -> Self {
        Self(&[300, 1_500, 5_000, 10_000, 20_000, 30_000])
    }
}

impl Waits {
    /// For somebody who waits for the answer.
    pub(super) const SHORT: Self = Self(&[300, 1_500]);
    /// None: what is asked again is so at once.
    #[cfg(test)]
    pub(super) const NONE: Self = Self(&[0; 6]);

    /// Asks again, a few times, what is worth it. A refusal that comes after an answer was lost says so.
    pub(super) async fn persist<T, F>(
        self,
        is_worth_it: fn(&Unwritten) -> bool,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, Unwritten>
    where
        F: Future<Output = Result<T, Unwritten>>,
    {
        let mut waits = self.0.iter().map(|ms| Duration::from_millis((*ms).into()));
        let mut in_doubt = false;
        loop {
            match (ask().await, waits.next()) {
                (Err(cause), Some(wait)) if is_worth_it(&cause) => {
                    tracing::debug!(%cause, "asking the store again");
                    in_doubt |= cause.leaves_doubt();
                    let jitter = rand::random_range(0.5..1.5);
                    tokio::time::sleep(wait.mul_f64(jitter)).await;
                }
                (Err(Unwritten::Refused { answer, .. }), _) => {
                    return Err(Unwritten::Refused { answer, in_doubt });
                }
                (answer, _) => return answer,
            }
        }
    }
}

/// The failure to report where no answer came. `unreachable` says what to check.
pub(super) fn unanswered(cause: &HttpError, unreachable: &str) -> Failure {
    tracing::debug!(%cause, "the store did not answer");
    match cause {
        HttpError::Forbidden => Failure::lasting(
            Origin::Destination,
            FailureKind::Misconfigured,
            "The store's endpoint is in a private network, which is not reached. Correct it, or let the operator name it.",
        ),
        HttpError::Timeout(_) => unavailable("The store did not answer in time."),
        HttpError::Crowded => Failure::crowded(
            "Other large answers take up the memory; it is tried again in a moment.",
        ),
        HttpError::Connect(_) | HttpError::Reset(_) | HttpError::Body(_) => {
            unavailable(unreachable)
        }
        HttpError::Url(_) | HttpError::TooLarge { .. } | HttpError::Setup(_) => Failure::internal(),
    }
}

/// The failure to report of a file that is not read back. `place` names where it was.
pub(super) fn not_read(cause: NotRead, place: &str, unreachable: &str) -> Failure {
    let lasting = |kind, message: String| Failure::lasting(Origin::Destination, kind, message);
    match cause {
        NotRead::Unanswered(cause) => unanswered(&cause, unreachable),
        NotRead::Refused(failure) => Failure {
            origin: match failure.origin {
                Origin::Vendor => Origin::Destination,
                other => other,
            },
            ..failure
        },
        NotRead::Gone => lasting(
            FailureKind::NotFound,
            format!("The file is no longer in {place}."),
        ),
        NotRead::Changed => unavailable("The file was changed meanwhile."),
        NotRead::Unreadable { message, .. } => lasting(
            FailureKind::Refused,
            format!("The file cannot be read: {message}."),
        ),
    }
}

fn unavailable(message: &str) -> Failure {
    Failure::passing(Origin::Destination, FailureKind::Unavailable, message)
}
