//! A worker dies at its k-th step, for every k there is: after each the sync ends as if nothing had been.

use std::time::Instant;

use futures::future::join_all;
use rail_tests::processes::{Installation, Signal};
use rail_tests::sandbox::{Fault, stripe};
use rail_tests::wait::SOON;
use serde_json::json;

use crate::flow::{ended, state};
use crate::history::check_all_completed;
use crate::settings::Settings;
use crate::source::{compare, compare_copy, created};
use crate::steps;
use crate::tally::Tally;

/// Of each mode.
const LANES: u64 = 3;
/// A sync that reads a record again which an earlier one could not store.
const RETRY: &str = "RETRY";
/// Customers and invoices: each page and each batch has steps of its own.
const FULL: [u64; 2] = [2_200, 1_100];
const SHORT: [u64; 2] = [1_100, 200];

/// Tries every step of a sync of each mode.
pub async fn run(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let modes = ["FULL", "SNAPSHOT", RETRY];
    for tried in join_all(modes.map(|mode| of_mode(settings, mode))).await {
        tally.add(tried);
    }
    tally
}

async fn of_mode(settings: &Settings, mode: &str) -> Tally {
    let counts = settings.choose(FULL, SHORT);
    let lanes = (0..LANES).map(|number| installation(settings, mode, number, counts));
    let lanes = join_all(lanes).await;
    let what = format!("a sync ({mode})");
    let mut tally = steps::every(&what, &lanes, async |installation, step| {
        crash(installation, counts, mode, step).await
    })
    .await;
    for installation in &lanes {
        tally.add(check_all_completed(installation, &[]).await);
    }
    tally
}

async fn installation(
    settings: &Settings,
    mode: &str,
    number: u64,
    [customers, invoices]: [u64; 2],
) -> Installation {
    let records = stripe::Settings::new(settings.seed)
        .with("customers", customers)
        .with("invoices", invoices);
    Installation::builder(&format!("steps-{mode}-{number}"), &settings.logs)
        .sandbox(records)
        .start()
        .await
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
    let mut doomed = steps::doomed(installation, step);
    let sync = installation.trigger(&connection, &wanted).await;
    let is_done = async || state(installation, &sync).await == "COMPLETED";
    if !steps::died(&mut doomed, "the sync completes", is_done).await {
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
