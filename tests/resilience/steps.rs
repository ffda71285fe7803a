//! A worker dies after its first step, one after its second …, until there is no further step. A few lanes try them, each
//! in an installation of its own: most of the time they wait for a lease to end.

use std::cell::Cell;

use futures::future::join_all;
use rail_tests::processes::{Installation, Program, Signal};
use rail_tests::wait::{SOON, wait_until};

use crate::tally::Tally;

/// Which steps are still to be tried.
#[derive(Default)]
struct Steps {
    next: Cell<u64>,
    /// The first step that no worker comes to.
    end: Cell<Option<u64>>,
}

impl Steps {
    fn take(&self) -> Option<u64> {
        let step = self.next.get();
        self.next.set(step + 1);
        self.end.get().is_none_or(|end| step < end).then_some(step)
    }

    fn end_at(&self, step: u64) {
        let end = self.end.get().unwrap_or(step).min(step);
        self.end.set(Some(end));
    }
}

/// Tries every step there is: `crash` has the first worker of a lane die at one, and is `None` when it came to its end
/// before.
pub async fn every<L>(
    what: &str,
    lanes: &[L],
    crash: impl AsyncFn(&L, u64) -> Option<Tally>,
) -> Tally {
    let steps = Steps::default();
    let try_on = async |lane: &L| {
        let mut tally = Tally::default();
        while let Some(step) = steps.take() {
            let Some(mut one) = crash(lane, step).await else {
                steps.end_at(step);
                break;
            };
            for wrong in &mut one.wrong {
                *wrong = format!("{what}, crashed at step {step}: {wrong}");
            }
            tally.add(one);
        }
        tally
    };
    let mut tally = Tally::default();
    for tried in join_all(lanes.iter().map(try_on)).await {
        tally.add(tried);
    }
    let runs = tally.runs;
    tally
        .notes
        .push(format!("{what} in {runs} steps, crashed after each"));
    tally.demand(runs >= 8, || {
        format!("only {runs} steps of {what} were found")
    });
    tally.demand(steps.end.get() == Some(runs), || {
        format!("a worker of {what} came to its end before another died")
    });
    tally
}

/// A worker that dies at a step.
pub fn doomed(installation: &Installation, step: u64) -> Program {
    installation.start_worker_with(&[("RAIL_CRASH_AT_STEP", &step.to_string())])
}

/// Waits until it dies or there is nothing left to do, and says whether it died. The last step may follow the commit after
/// which all is done: a worker that is about to die is given the time to.
pub async fn died(doomed: &mut Program, what: &str, is_done: impl AsyncFn() -> bool) -> bool {
    let what = format!("the worker dies or {what}");
    wait_until(SOON * 2, &what, async || {
        doomed.status().is_some() || is_done().await
    })
    .await;
    if doomed.status().is_none() {
        doomed.signal(Signal::Stop);
    }
    !doomed.ended(SOON * 2).await.success()
}
