//! A worker dies at its k-th step, for every k there is: after each the sync ends as if nothing had been.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use rail_tests::processes::{Installation, Program, Signal};
use rail_tests::sandbox::{Fault, stripe};
use rail_tests::wait::{SOON, wait_until};
use serde_json::json;

use crate::flow::{ended, state};
use crate::history::check_all_completed;
use crate::settings::Settings;
use crate::source::{compare, compare_copy, created};
use crate::tally::Tally;

const LANES: u64 = 9;
/// A sync that reads a record again which an earlier one could not store.
const RETRY: &str = "RETRY";
/// Customers and invoices: each page and each batch has steps of its own.
const FULL: [u64; 2] = [2_200, 1_100];
const SHORT: [u64; 2] = [1_100, 200];

/// Which steps of a sync of one mode are still to be tried, shared by lanes.
struct Steps {
    mode: &'static str,
    next: Cell<u64>,
    /// The first step that no sync comes to.
    end: Cell<Option<u64>>,
}

impl Steps {
    fn of(mode: &'static str) -> Rc<Self> {
        Rc::new(Self {
            mode,
            next: Cell::default(),
            end: Cell::default(),
        })
    }

    fn take(&self) -> Option<u64> {
        let step = self.next.get();
        self.next.set(step + 1);
        self.end.get().is_none_or(|end| step < end).then_some(step)
    }
}

/// Tries every step, a few at a time, each lane in an installation of its own.
pub async fn run(settings: &'static Settings) -> Tally {
    let modes = [Steps::of("FULL"), Steps::of("SNAPSHOT"), Steps::of(RETRY)];
    let lanes: Vec<_> = (0..LANES)
        .zip(modes.iter().cycle())
        .map(|(number, steps)| tokio::task::spawn_local(lane(settings, number, Rc::clone(steps))))
        .collect();
    let mut tally = Tally::default();
    for lane in lanes {
        tally.add(lane.await.expect("a lane that does not break off"));
    }
    let runs = tally.runs;
    tally.notes.push(format!(
        "a FULL, a SNAPSHOT and a sync that retries in {runs} steps, crashed after each"
    ));
    tally.demand(runs > 24, || format!("only {runs} steps were found"));
    tally
}

async fn lane(settings: &Settings, number: u64, steps: Rc<Steps>) -> Tally {
    let mut tally = Tally::default();
    let counts @ [customers, invoices] = settings.choose(FULL, SHORT);
    let records = stripe::Settings::new(settings.seed)
        .with("customers", customers)
        .with("invoices", invoices);
    let installation = Installation::builder(&format!("steps-{number}"), &settings.logs)
        .sandbox(records)
        .start()
        .await;
    while let Some(step) = steps.take() {
        let Some(mut one) = crash(&installation, counts, steps.mode, step).await else {
            let end = steps.end.get().unwrap_or(step).min(step);
            steps.end.set(Some(end));
            break;
        };
        for wrong in &mut one.wrong {
            *wrong = format!("{} crashed at step {step}: {wrong}", steps.mode);
        }
        tally.add(one);
    }
    tally.add(check_all_completed(&installation, &[]).await);
    tally
}

/// One sync, whose first worker dies at a step; `None` when it completed before it came to that step.
async fn crash(
    installation: &Installation,
    [customers, invoices]: [u64; 2],
    mode: &str,
    step: u64,
) -> Option<Tally> {
    let mut tally = Tally::default();
    let connection = installation.caller.connect_stripe().await;
    let entities = ["customers", "invoices"];
    let (wanted, counts) = if mode == RETRY {
        // One answer is broken, not the record in it.
        let faults = installation.sandbox.faults();
        faults.on("/v1/customers", 1, Fault::NulInString);
        let first = json!({"entities": entities, "mode": "FULL"});
        let mut worker = installation.start_worker();
        let first = installation.trigger(&connection, &first).await;
        ended(installation, &connection, &first, SOON * 4).await;
        worker.signal(Signal::Stop);
        worker.ended(SOON * 2).await;
        (
            json!({"entities": ["customers"], "mode": "INCREMENTAL"}),
            json!({"customers": created(1)}),
        )
    } else {
        (
            json!({"entities": entities, "mode": mode}),
            json!({"customers": created(customers), "invoices": created(invoices)}),
        )
    };
    let mut doomed = installation.start_worker_with(&[("RAIL_CRASH_AT_STEP", &step.to_string())]);
    let sync = installation.trigger(&connection, &wanted).await;
    wait_until(
        SOON * 2,
        "the worker dies or the sync completes",
        async || doomed.status().is_some() || state(installation, &sync).await == "COMPLETED",
    )
    .await;
    let died = died(&mut doomed, installation, &sync).await;
    if !died {
        return None;
    }
    tally.runs += 1;
    let since = Instant::now();
    let _worker = installation.start_worker();
    let done = ended(installation, &connection, &sync, SOON * 4).await;
    tally.recoveries.push(since.elapsed());
    tally.demand(done["status"] == "COMPLETED", || {
        format!("it ended as {done}")
    });
    let same = done["stats"] == counts;
    tally.duplicated += u64::from(!same);
    tally.demand(same, || format!("the counts are {}", done["stats"]));
    for entity in entities {
        tally.add(match mode {
            "SNAPSHOT" => compare_copy(installation, &connection, entity).await,
            _ => compare(installation, &connection, entity).await,
        });
    }
    Some(tally)
}

/// The last step may follow the commit that completes the sync: a worker that is about to die is given the time to.
async fn died(doomed: &mut Program, installation: &Installation, sync: &str) -> bool {
    if doomed.status().is_some() {
        return true;
    }
    assert_eq!(state(installation, sync).await, "COMPLETED");
    doomed.signal(Signal::Stop);
    let status = doomed.ended(SOON * 2).await;
    !status.success()
}
