//! What can go wrong between us and Postgres, as callers need to tell it apart.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Why a verb of the store did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres cannot be reached or is going away; the same verb may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A named constraint refused the write.
    #[error("the constraint {0} refuses this")]
    Refused(String),
    /// The job's lease is held by another worker, or by none.
    #[error("the lease of this job was lost")]
    LeaseLost,
    /// A statement was ended because it took longer than it may.
    #[error("the statement took too long")]
    TookTooLong,
    /// The row was changed since it was read.
    #[error("the row was changed meanwhile")]
    Stale,
    /// A fault of ours.
    #[error("the database refused a statement")]
    Fault(#[source] DieselError),
    /// A stored value that our types do not know.
    #[error("a stored value cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl StoreError {
    /// Whether a unique constraint of this name refused the write.
    #[must_use]
    pub fn is_refusal_of(&self, constraint: &str) -> bool {
        matches!(self, Self::Refused(name) if name == constraint)
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _) => {
                Self::Unavailable(error.into())
            }
            DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::CheckViolation,
                ref what,
            ) => match what.constraint_name() {
                Some(name) => Self::Refused(name.to_owned()),
                None => Self::Fault(error),
            },
            // What tokio-postgres says when the server shuts down or the socket breaks has no kind of its own.
            DieselError::DatabaseError(
                DatabaseErrorKind::Unknown | DatabaseErrorKind::UnableToSendCommand,
                ref what,
            ) if says_unavailable(what.message()) => Self::Unavailable(error.into()),
            DieselError::DatabaseError(_, ref what)
                if what.message() == "canceling statement due to statement timeout" =>
            {
                Self::TookTooLong
            }
            DieselError::BrokenTransactionManager => Self::Unavailable(error.into()),
            other => Self::Fault(other),
        }
    }
}

fn says_unavailable(message: &str) -> bool {
    [
        "connection closed",
        "terminating connection",
        "shutting down",
        "starting up",
        "communicating with the server",
        "recovery mode",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}
