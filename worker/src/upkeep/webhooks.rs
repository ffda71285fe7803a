//! Wakes webhooks that have something to send and that nobody woke, and keeps the log of events and that of attempts as long
//! as the operator wants.

use rail_shared::store::webhooks::{self, Whose};
use rail_shared::store::{StoreError, events};

use crate::Worker;
use crate::runtime;

/// Events of a tenant and attempts that are forgotten a round.
const AT_MOST: i64 = 1_000;

pub(super) async fn wake(worker: &Worker) -> Result<(), StoreError> {
    runtime::wake(&worker.store, &worker.ringer, Whose::All).await
}

pub(super) async fn forget_old(worker: &Worker) -> Result<(), StoreError> {
    let mut conn = worker.store.connect().await?;
    let days = worker.config.events_kept_days;
    events::forget_old(&mut conn, days, AT_MOST).await?;
    webhooks::forget_old(&mut conn, days, AT_MOST).await?;
    Ok(())
}
