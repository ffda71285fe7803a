//! One worker with 64 syncs in flight: all complete, and its memory stays within bounds.

use rail_tests::processes::Installation;
use rail_tests::sandbox::{Fault, Rule, stripe};
use rail_tests::wait::{SOON, wait_until};
use serde_json::json;

use crate::flow::{all_ended, count};
use crate::history::check_all_completed;
use crate::settings::Settings;
use crate::tally::Tally;

const SYNCS: usize = 64;
/// What the worker may have at its peak.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;

pub async fn run(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let customers = settings.choose(2_000, 300);
    let installation = Installation::builder("crowd", &settings.logs)
        .sandbox(stripe::Settings::new(settings.seed).with("customers", customers))
        .start()
        .await;
    // So that the first has not ended when the last begins.
    let faults = installation.sandbox.faults();
    faults.add(Rule::new(Fault::Held).on("/v1/customers").always());
    let mut accepted = Vec::new();
    for _ in 0..SYNCS {
        let connection = installation.caller.connect_stripe().await;
        let body = json!({"entities": ["customers"]});
        accepted.push(installation.trigger(&connection, &body).await);
    }
    let worker = installation.start_worker_with(&[("RAIL_WORKER_SYNCS", "64")]);
    wait_until(SOON * 4, "64 syncs in flight", async || {
        count(&installation, "state = 'RUNNING'").await == SYNCS as u64
    })
    .await;
    faults.release();
    all_ended(&installation, SOON * 8).await;
    tally.runs += 1;
    let peak = worker.peak_memory_bytes();
    println!("    the worker's peak: {} MB", peak / 1024 / 1024);
    tally.demand(peak <= MEMORY_BYTES, || {
        format!("the worker had {peak} bytes at its peak")
    });
    tally.add(check_all_completed(&installation, &accepted).await);
    tally
}
