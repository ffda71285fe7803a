//! Workers that come and go, as in a deployment.

use std::time::{Duration, Instant};

use rail_tests::processes::{Installation, Program, Signal};
use rail_tests::sandbox::{Fault, Rule, stripe};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use crate::flow::{LEASE, active, all_ended, count, ended, fetched, outcomes, state};
use crate::history::check_all_completed;
use crate::settings::Settings;
use crate::source::{compare, created};
use crate::tally::Tally;

const JOBS: u64 = 200;
/// How many of them wait or run at a time.
const ACTIVE: u64 = 40;
const CUSTOMERS: u64 = 200;

/// A worker is killed in the middle of a sync and started again at once, alone: what the dead one held is found again.
pub async fn restarted(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let installation = Installation::builder("restart", &settings.logs)
        .sandbox(
            stripe::Settings::new(settings.seed)
                .with("customers", 3_000)
                .latency(Duration::from_millis(20)),
        )
        .start()
        .await;
    let mut worker = installation.start_worker();
    for _ in 0..settings.choose(10, 2) {
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
        worker.kill();
        installation.sandbox.faults().release();
        let (since, committed) = (Instant::now(), fetched(&installation, &sync).await);
        worker = installation.start_worker();
        tally.runs += 1;
        wait_until(LEASE + SOON, "the new worker commits", async || {
            fetched(&installation, &sync).await > committed
                || state(&installation, &sync).await == "COMPLETED"
        })
        .await;
        tally.recoveries.push(since.elapsed());
        let done = ended(&installation, &connection, &sync, SOON * 4).await;
        tally.demand(done["stats"]["customers"] == created(3_000), || {
            format!("it ended as {done}")
        });
        let ends = outcomes(&installation, &sync).await;
        tally.demand(ends == json!(["LEASE_LOST", "DONE"]), || {
            format!("its attempts ended as {ends}")
        });
        tally.add(compare(&installation, &connection, "customers").await);
    }
    tally.add(check_all_completed(&installation, &[]).await);
    tally
}

/// Three workers are replaced one after the other, each asked to stop, while 200 jobs wait and run.
pub async fn rolling(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let installation = Installation::builder("rolling", &settings.logs)
        .sandbox(stripe::Settings::new(settings.seed).with("customers", CUSTOMERS))
        .variable("RAIL_WORKER_SYNCS", "6")
        // One that no worker loses because the machine is busy.
        .variable("RAIL_WORKER_LEASE", "15s")
        .start()
        .await;
    let slow = Rule::new(Fault::Slow { delay_ms: 150 }).on("/v1/customers");
    installation.sandbox.faults().add(slow.always());
    let mut accepted = Vec::new();
    for round in 0..settings.choose(3, 1) {
        let mut connections = Vec::new();
        for _ in 0..JOBS {
            connections.push(installation.caller.connect_stripe().await);
        }
        let mut workers: Vec<Program> = (0..3).map(|_| installation.start_worker()).collect();
        let feeding = feed(&installation, &connections);
        let replacing = replace_all(&installation, &mut workers, round * JOBS);
        let (fed, replaced) = tokio::join!(feeding, replacing);
        accepted.extend(fed);
        tally.add(replaced);
        all_ended(&installation, SOON * 8).await;
        installation.stop(&mut workers).await;
        tally.add(compare(&installation, &connections[0], "customers").await);
        tally.add(
            compare(
                &installation,
                &connections[connections.len() - 1],
                "customers",
            )
            .await,
        );
    }
    let waits = "SELECT jsonb_build_object('longest', coalesce(max(extract(epoch FROM gap)), 0), 'handedBack', count(gap))
                 FROM (SELECT started_at - lag(ended_at) OVER (PARTITION BY job_id ORDER BY fence) AS gap
                       FROM job_attempts) AS gaps";
    let waits = installation.database.ask(waits).await;
    let longest = Duration::from_secs_f64(waits["longest"].as_f64().unwrap_or(0.0));
    tally.recoveries.push(longest);
    tally.notes.push(format!(
        "{} jobs were handed back; the longest waited {longest:.2?}",
        waits["handedBack"]
    ));
    tally.demand(longest < LEASE, || {
        format!("a job that was handed back waited {longest:.2?}")
    });
    let spent = count(&installation, "attempt <> 1").await;
    tally.demand(spent == 0, || {
        format!("{spent} jobs were charged an attempt for a deployment")
    });
    let left = "SELECT count(*) FROM job_attempts WHERE outcome = 'LEASE_LOST'";
    let left = installation.database.ask(left).await;
    tally.demand(left == 0, || format!("{left} leases were left to run out"));
    let counts =
        "SELECT jsonb_agg(DISTINCT jsonb_build_array(fetched, created)) FROM sync_entities";
    let counts = installation.database.ask(counts).await;
    tally.demand(counts == json!([[CUSTOMERS, CUSTOMERS]]), || {
        format!("the syncs counted {counts}")
    });
    tally.demand(counts != Value::Null, || "nothing was counted".to_owned());
    tally.add(check_all_completed(&installation, &accepted).await);
    tally
}

/// Triggers a sync of each connection, so that a few always wait, and no backlog hides whether one is forgotten.
async fn feed(installation: &Installation, connections: &[String]) -> Vec<String> {
    let mut accepted = Vec::new();
    for connection in connections {
        wait_until(SOON * 2, "fewer jobs are active", async || {
            active(installation).await < ACTIVE
        })
        .await;
        let wanted = json!({"entities": ["customers"], "mode": "FULL"});
        accepted.push(installation.trigger(connection, &wanted).await);
    }
    accepted
}

/// Replaces one worker after the other, when a quarter, half and three quarters of the jobs are done.
async fn replace_all(
    installation: &Installation,
    workers: &mut [Program],
    done_before: u64,
) -> Tally {
    let mut tally = Tally::default();
    for (turn, old) in (1..).zip(workers) {
        let share = done_before + JOBS * turn / 4;
        wait_until(SOON * 4, "a share of the jobs is done", async || {
            count(installation, "state = 'COMPLETED'").await >= share
        })
        .await;
        let since = Instant::now();
        old.signal(Signal::Stop);
        let status = old.ended(SOON * 2).await;
        tally.demand(status.success(), || {
            format!("a worker that was asked to stop ended with {status}")
        });
        tally
            .notes
            .push(format!("a worker drained in {:.2?}", since.elapsed()));
        *old = installation.start_worker();
        tally.runs += 1;
    }
    tally
}
