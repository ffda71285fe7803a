//! Changing only what is still as it was read.

use poem::http::StatusCode;

use super::problem::{Problem, changed_meanwhile};

/// What If-Match asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// The version that was read.
    Holds,
}

impl Precondition {
    /// Compares If-Match with the version that was read.
    ///
    /// # Errors
    /// 412 when it names others only.
    pub fn of(if_match: Option<&str>, etag: &str) -> Result<Self, Problem> {
        match if_match {
            None => Ok(Self::None),
            Some(tags)
                if tags
                    .split(',')
                    .map(str::trim)
                    .any(|tag| tag == "*" || tag == etag) =>
            {
                Ok(Self::Holds)
            }
            Some(_) => Err(changed_meanwhile(StatusCode::PRECONDITION_FAILED)),
        }
    }

    /// A change in between breaks the precondition, where there was one.
    pub fn judge(self, problem: Problem) -> Problem {
        match self {
            Self::Holds if problem.status() == StatusCode::CONFLICT => {
                changed_meanwhile(StatusCode::PRECONDITION_FAILED)
            }
            Self::Holds | Self::None => problem,
        }
    }
}
