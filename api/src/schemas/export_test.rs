//! What came of trying an export's destination, on the wire.

use std::time::Duration;

use poem_openapi::Object;
use rail_shared::domain::{Failure, FailureKind};
use serde::Serialize;

use super::wire::Word;
use crate::http::answer::Shown;

/// Whether files can be written to an export's destination.
#[derive(Debug, Serialize, Object)]
pub struct ExportTest {
    /// Whether they can.
    success: bool,
    /// How long that took to find out, in milliseconds.
    latency: u64,
    /// Why they cannot.
    error: Option<DestinationError>,
}

impl Shown for ExportTest {}

/// Why files cannot be written to a destination.
#[derive(Debug, Serialize, Object)]
struct DestinationError {
    /// What went wrong.
    code: Word<FailureKind>,
    /// What happened and what to do.
    detail: String,
}

impl ExportTest {
    /// A test that ended so, after so long.
    pub fn of(checked: Result<(), Failure>, took: Duration) -> Self {
        let error = checked.err().map(|failure| {
            let Failure {
                kind,
                message,
                origin: _,
                retryable: _,
                retry_after: _,
            } = failure;
            DestinationError {
                code: Word(kind),
                detail: message,
            }
        });
        Self {
            success: error.is_none(),
            latency: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            error,
        }
    }
}
