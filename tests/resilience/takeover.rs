//! How long it takes until the work of a killed worker goes on, with the lease a production has.

use std::time::{Duration, Instant};

use rail_tests::processes::{Installation, Program};
use rail_tests::sandbox::{Fault, Rule, stripe};
use rail_tests::wait::{SOON, wait_until};
use serde_json::json;

use crate::flow::{ended, fetched};
use crate::history::{check_all_completed, uuid_of};
use crate::settings::Settings;
use crate::source::{compare, created};
use crate::tally::Tally;

/// The default of `RAIL_WORKER_LEASE`.
const LEASE: Duration = Duration::from_secs(15);
/// Within this time after a lease ran out somebody else begins.
const FOUND_WITHIN: Duration = Duration::from_secs(2);
const CUSTOMERS: u64 = 4_000;

pub async fn run(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let installation = Installation::builder("takeover", &settings.logs)
        .sandbox(
            stripe::Settings::new(settings.seed)
                .with("customers", CUSTOMERS)
                .latency(Duration::from_millis(50)),
        )
        .variable("RAIL_WORKER_LEASE", "")
        .start()
        .await;
    let mut workers: Vec<Program> = (0..2).map(|_| installation.start_worker()).collect();
    for _ in 0..settings.choose(5, 1) {
        let connection = installation.caller.connect_stripe().await;
        // It does not end before its worker is killed.
        let held = Rule::new(Fault::Held).on("/v1/customers");
        installation.sandbox.faults().add(held.after(12).always());
        let sync = installation
            .trigger(
                &connection,
                &json!({"entities": ["customers"], "mode": "FULL"}),
            )
            .await;
        wait_until(SOON, "something is committed", async || {
            fetched(&installation, &sync).await > 0
        })
        .await;
        let holder = installation
            .holder(&uuid_of(&sync), &mut workers)
            .await
            .expect("a worker that works on it");
        holder.kill();
        installation.sandbox.faults().release();
        let (since, committed) = (Instant::now(), fetched(&installation, &sync).await);
        let over = lease_until(&installation, &sync).await;
        wait_until(LEASE + SOON, "another worker commits", async || {
            fetched(&installation, &sync).await > committed
        })
        .await;
        let took = since.elapsed();
        tally.runs += 1;
        tally.recoveries.push(took);
        tally.notes.push(format!(
            "from SIGKILL to the first page another worker committed: {took:.2?}"
        ));
        let begun = begun(&installation, &sync).await;
        tally.demand(
            (over..over + FOUND_WITHIN.as_secs_f64()).contains(&begun),
            || format!("a lease that ended at {over} was taken over at {begun}"),
        );
        let done = ended(&installation, &connection, &sync, SOON * 4).await;
        tally.demand(done["stats"]["customers"] == created(CUSTOMERS), || {
            format!("it ended as {done}")
        });
        tally.add(compare(&installation, &connection, "customers").await);
        workers.retain_mut(|worker| worker.status().is_none());
        workers.push(installation.start_worker());
    }
    tally.add(check_all_completed(&installation, &[]).await);
    tally
}

/// When the lease of a sync's job ends, in seconds since 1970 by Postgres' clock.
async fn lease_until(installation: &Installation, sync: &str) -> f64 {
    let of = format!(
        "SELECT lease_until FROM jobs WHERE id = '{}'",
        uuid_of(sync)
    );
    time(installation, &of).await
}

/// When the newest attempt at a sync began.
async fn begun(installation: &Installation, sync: &str) -> f64 {
    let of = format!(
        "SELECT max(started_at) FROM job_attempts WHERE job_id = '{}'",
        uuid_of(sync)
    );
    time(installation, &of).await
}

async fn time(installation: &Installation, of: &str) -> f64 {
    let sql = format!("SELECT extract(epoch FROM ({of}))");
    let seconds = installation.database.ask(&sql).await;
    seconds.as_f64().expect("a time")
}
