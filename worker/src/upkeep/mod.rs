//! Periodic repair: takes no input, may run anywhere and any number of times, and hopes to find nothing.

mod schedules;
mod unattended;

use std::time::Duration;

use rail_shared::store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// Between two rounds.
const EVERY: Duration = Duration::from_millis(1_000);
/// After a round that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Repairs until `stop` fires.
pub(crate) async fn run(worker: &Worker, stop: &CancellationToken) {
    loop {
        let pause = match round(worker).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "upkeep failed; it is tried again"
                );
                AFTER_FAILURE
            }
        };
        // Workers that started together do not stay together.
        let pause = pause.mul_f64(rand::random_range(0.75..1.25));
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return;
        }
    }
}

/// One round of all repairs.
///
/// # Errors
/// When the store refuses or is away.
pub async fn round(worker: &Worker) -> Result<(), StoreError> {
    schedules::start_due_syncs(worker).await?;
    schedules::start_due_exports(worker).await?;
    unattended::ring(worker).await
}
