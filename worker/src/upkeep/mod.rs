//! Periodic repair: takes no input, may run anywhere and any number of times, and hopes to find nothing.

pub(crate) mod abandoned;
mod change_sets;
mod idempotency_keys;
mod kept_aside;
mod old_runs;
mod record_errors;
mod schedules;
mod snapshots;
mod told_changes;
mod unattended;
mod webhooks;

use std::time::Duration;

use rail_shared::domain::JobKind;
use rail_shared::store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::Worker;
use crate::runtime::Starter;

/// Between two rounds.
const EVERY: Duration = Duration::from_millis(500);
/// While more jobs wait than one round can see to.
const HURRIED: Duration = Duration::from_millis(100);
/// After a round that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// How soon the next round is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Usual,
    Hurried,
}

/// Repairs until `stop` fires.
pub(crate) async fn run(
    worker: &Worker,
    starters: &[(JobKind, Starter)],
    stop: &CancellationToken,
) {
    let mut walks = Walks {
        change_sets: change_sets::Walk::new(),
        kept_aside: kept_aside::Walk::new(),
        webhooks: webhooks::Walk::new(),
        old_runs: old_runs::Walk::new(),
    };
    loop {
        let pause = match round(worker, starters, &mut walks).await {
            Ok(Pace::Usual) => EVERY,
            Ok(Pace::Hurried) => HURRIED,
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

/// What goes on from round to round.
struct Walks {
    change_sets: change_sets::Walk,
    kept_aside: kept_aside::Walk,
    webhooks: webhooks::Walk,
    old_runs: old_runs::Walk,
}

async fn round(
    worker: &Worker,
    starters: &[(JobKind, Starter)],
    walks: &mut Walks,
) -> Result<Pace, StoreError> {
    schedules::start_due_syncs(worker).await?;
    schedules::start_due_exports(worker).await?;
    told_changes::take_up(worker).await?;
    walks.webhooks.step(worker).await?;
    let pace = unattended::attend(worker, starters).await?;
    idempotency_keys::forget_old(worker).await?;
    told_changes::forget_old(worker).await?;
    snapshots::reclaim(worker).await?;
    record_errors::empty_old_payloads(worker).await?;
    walks.change_sets.step(worker).await?;
    walks.kept_aside.step(worker).await?;
    walks.old_runs.step(worker).await?;
    Ok(pace)
}
