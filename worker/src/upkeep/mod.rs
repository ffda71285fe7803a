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
mod wrapping;

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
        wrapping: wrapping::Walk::new(),
    };
    loop {
        let mut round = Round::default();
        let pause = match round.go(worker, starters, &mut walks).await {
            _ if round.failed => AFTER_FAILURE,
            Pace::Usual => EVERY,
            Pace::Hurried => HURRIED,
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
    wrapping: wrapping::Walk,
}

/// One round. A task that fails holds up no other, unless the database is away.
#[derive(Debug, Default)]
struct Round {
    failed: bool,
    is_store_away: bool,
}

impl Round {
    async fn go(
        &mut self,
        worker: &Worker,
        starters: &[(JobKind, Starter)],
        walks: &mut Walks,
    ) -> Pace {
        let attended = unattended::attend(worker, starters);
        let pace = self.task("waiting jobs", attended).await;
        self.task("due syncs", schedules::start_due_syncs(worker))
            .await;
        self.task("due exports", schedules::start_due_exports(worker))
            .await;
        self.task("told changes", told_changes::take_up(worker))
            .await;
        self.task("waking webhooks", walks.webhooks.wake(worker))
            .await;
        self.task("old events", walks.webhooks.forget_old(worker))
            .await;
        self.task("old idempotency keys", idempotency_keys::forget_old(worker))
            .await;
        self.task("old told changes", told_changes::forget_old(worker))
            .await;
        self.task("deleted snapshots", snapshots::reclaim(worker))
            .await;
        let payloads = record_errors::empty_old_payloads(worker);
        self.task("old record errors", payloads).await;
        self.task("empty change sets", walks.change_sets.step(worker))
            .await;
        self.task("kept aside", walks.kept_aside.step(worker)).await;
        self.task("old runs", walks.old_runs.step(worker)).await;
        self.task("master keys", walks.wrapping.step(worker)).await;
        pace.unwrap_or(Pace::Usual)
    }

    async fn task<T>(
        &mut self,
        what: &str,
        task: impl Future<Output = Result<T, StoreError>>,
    ) -> Option<T> {
        if self.is_store_away {
            return None;
        }
        match task.await {
            Ok(done) => Some(done),
            Err(error) => {
                self.failed = true;
                self.is_store_away = matches!(error, StoreError::Unavailable(_));
                tracing::warn!(
                    task = what,
                    error = &error as &dyn std::error::Error,
                    "a task of upkeep failed; it is tried again"
                );
                None
            }
        }
    }
}
