//! The kinds of jobs: one folder each, and here the one screen that knows them all.

mod delivery;
mod export;
mod settle;
mod sync;

use futures::FutureExt;
use futures::future::BoxFuture;
use rail_shared::domain::JobKind;

use crate::runtime::{Attempt, Halt, Outcome};

pub(crate) use settle::{settle, settles_alone};
pub use sync::BATCH_RECORDS;

/// Does the work of a claimed job. `None` when the lease was lost.
pub(crate) fn run(attempt: &Attempt) -> BoxFuture<'_, Option<Outcome>> {
    work(attempt).boxed()
}

async fn work(attempt: &Attempt) -> Option<Outcome> {
    let worked = match attempt.lease.kind {
        JobKind::Sync => Box::pin(sync::run(attempt)).await.map(|()| Outcome::Done),
        JobKind::Export => Box::pin(export::run(attempt)).await,
        JobKind::Delivery => Box::pin(delivery::run(attempt)).await,
    };
    match worked {
        Ok(outcome) => Some(outcome),
        Err(halt) => {
            if let Halt::Store(error) = &halt {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "the store stopped the work"
                );
            }
            halt.outcome()
        }
    }
}
