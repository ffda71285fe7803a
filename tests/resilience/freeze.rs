//! A worker that stops in the middle of everything and wakes when its time is over.

use std::time::{Duration, Instant};

use rail_tests::processes::{Installation, Program, Signal};
use rail_tests::sandbox::{Fault, Rule, stripe};
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use crate::flow::{LEASE, claimed, ended, fetched, outcomes, state};
use crate::history::{check_all_completed, uuid_of};
use crate::settings::Settings;
use crate::source::{compare, created};
use crate::tally::Tally;

const CUSTOMERS: u64 = 3_000;

async fn installation(settings: &Settings, name: &str) -> Installation {
    Installation::builder(name, &settings.logs)
        .sandbox(
            stripe::Settings::new(settings.seed)
                .with("customers", CUSTOMERS)
                .latency(Duration::from_millis(20)),
        )
        .start()
        .await
}

fn wanted() -> Value {
    json!({"entities": ["customers"], "mode": "FULL"})
}

/// The worker sleeps until another has finished its job; what it then wants to write is refused.
pub async fn past_its_lease(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let installation = installation(settings, "freeze").await;
    let mut workers: Vec<Program> = (0..2).map(|_| installation.start_worker()).collect();
    for run in 0..settings.choose(10, 3) {
        let mut draw = settings.draw("freeze", run);
        let connection = installation.caller.connect_stripe().await;
        // It does not end before its worker is frozen.
        let held = Rule::new(Fault::Held).on("/v1/customers");
        installation
            .sandbox
            .faults()
            .add(held.after(CUSTOMERS / 100 - 1).always());
        let sync = installation.trigger(&connection, &wanted()).await;
        claimed(&installation, &sync).await;
        tokio::time::sleep(Duration::from_millis(draw.below(900))).await;
        let holder = installation.holder(&uuid_of(&sync), &mut workers).await;
        let holder = holder.expect("a worker that works on it");
        holder.signal(Signal::Freeze);
        installation.sandbox.faults().release();
        let (sleeper, since) = (holder.pid(), Instant::now());
        let committed = fetched(&installation, &sync).await;
        tally.runs += 1;
        wait_until(LEASE + SOON, "another worker commits", async || {
            fetched(&installation, &sync).await > committed
                || state(&installation, &sync).await == "COMPLETED"
        })
        .await;
        tally.recoveries.push(since.elapsed());
        let done = ended(&installation, &connection, &sync, SOON * 4).await;

        let place = workers
            .iter()
            .position(|worker| worker.pid() == sleeper)
            .expect("the sleeper");
        let mut others: Vec<Program> = Vec::new();
        let awake = workers.remove(place);
        others.append(&mut workers);
        awake.signal(Signal::Thaw);
        // Whatever it still wanted to write it has tried when it has done other work after it.
        installation.stop(&mut others).await;
        let after = installation.caller.connect_stripe().await;
        let another = installation.trigger(&after, &wanted()).await;
        let worked = ended(&installation, &after, &another, SOON * 4).await;
        tally.demand(worked["status"] == "COMPLETED", || {
            format!("the woken worker is of no use: {worked}")
        });

        let again = ended(&installation, &connection, &sync, SOON).await;
        tally.demand(again == done, || {
            format!("the woken worker changed {done} to {again}")
        });
        tally.demand(again["stats"]["customers"] == created(CUSTOMERS), || {
            format!("it ended as {again}")
        });
        let ends = outcomes(&installation, &sync).await;
        tally.demand(ends == json!(["LEASE_LOST", "DONE"]), || {
            format!("its attempts ended as {ends}")
        });
        tally.add(compare(&installation, &connection, "customers").await);
        workers.push(awake);
        workers.push(installation.start_worker());
    }
    tally.add(check_all_completed(&installation, &[]).await);
    tally
}

/// The worker sleeps in the middle of a commit, with the job's row locked: the others must not wait for its lock.
pub async fn in_a_transaction(settings: &'static Settings) -> Tally {
    let mut tally = Tally::default();
    let installation = installation(settings, "freeze-in-transaction").await;
    let first = installation.start_worker();
    let mut connection = installation.caller.connect_stripe().await;
    let mut sync = installation.trigger(&connection, &wanted()).await;
    claimed(&installation, &sync).await;
    // It is frozen again and again until that meets a transaction that holds the job's row, and goes on holding it:
    // what it had sent before it froze is done by then.
    let held_for = "SELECT max(CASE a.state WHEN 'active' THEN 0 ELSE extract(epoch FROM clock_timestamp() - a.state_change) END)::double precision
                    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.state <> 'idle' AND l.granted
                      AND l.relation = 'jobs'::regclass AND l.mode = 'RowExclusiveLock'";
    wait_until(SOON * 2, "it is frozen within a transaction", async || {
        first.signal(Signal::Freeze);
        let mut held = installation.database.ask(held_for).await.as_f64();
        while held.is_some_and(|seconds| seconds < 0.2) {
            held = installation.database.ask(held_for).await.as_f64();
        }
        if held.is_none() {
            first.signal(Signal::Thaw);
            if state(&installation, &sync).await == "COMPLETED" {
                connection = installation.caller.connect_stripe().await;
                sync = installation.trigger(&connection, &wanted()).await;
            }
        }
        held.is_some()
    })
    .await;
    let (since, committed) = (Instant::now(), fetched(&installation, &sync).await);
    tally.runs += 1;
    let _second = installation.start_worker();
    wait_until(
        LEASE * 2 + SOON,
        "another worker commits while the frozen one holds the row",
        async || {
            fetched(&installation, &sync).await > committed
                || state(&installation, &sync).await == "COMPLETED"
        },
    )
    .await;
    tally.recoveries.push(since.elapsed());
    let done = ended(&installation, &connection, &sync, SOON * 4).await;
    first.signal(Signal::Thaw);
    tally.demand(done["stats"]["customers"] == created(CUSTOMERS), || {
        format!("it ended as {done}")
    });
    tally.add(compare(&installation, &connection, "customers").await);
    tally.add(check_all_completed(&installation, &[]).await);
    tally
}
