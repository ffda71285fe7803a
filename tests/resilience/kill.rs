//! A worker is killed at a random moment of a sync; two others race to take over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rail_tests::processes::{Installation, Program};
use rail_tests::sandbox::stripe;
use rail_tests::wait::{SOON, wait_until};
use serde_json::{Value, json};

use crate::flow::{LEASE, claimed, ended, fetched, state};
use crate::history::{check_all_completed, uuid_of};
use crate::settings::Settings;
use crate::source::compare;
use crate::tally::Tally;

const LANES: u64 = 3;
const ENTITIES: [&str; 2] = ["customers", "invoices"];

/// Runs all seeds, a few at a time, each lane in an installation of its own.
pub async fn run(settings: &'static Settings) -> Tally {
    let seeds = settings.choose(50, 6);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let lanes: Vec<_> = (0..LANES)
        .map(|number| tokio::task::spawn_local(lane(settings, number, seeds, &NEXT)))
        .collect();
    let mut tally = Tally::default();
    for lane in lanes {
        tally.add(lane.await.expect("a lane that does not break off"));
    }
    tally
}

async fn lane(settings: &Settings, number: u64, seeds: u64, next: &AtomicU64) -> Tally {
    let mut tally = Tally::default();
    let records = stripe::Settings::new(settings.seed + number)
        .with("customers", 3_000)
        .with("invoices", 1_500)
        .latency(Duration::from_millis(20));
    let installation = Installation::builder(&format!("kill-{number}"), &settings.logs)
        .sandbox(records)
        .start()
        .await;
    let mut workers: Vec<Program> = (0..3).map(|_| installation.start_worker()).collect();

    let begun = Instant::now();
    let connection = installation.caller.connect_stripe().await;
    let sync = installation.trigger(&connection, &wanted()).await;
    let undisturbed = ended(&installation, &connection, &sync, SOON * 4).await;
    let length = begun.elapsed();
    tally
        .notes
        .push(format!("an undisturbed run takes {length:.1?}"));

    loop {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        if seed >= seeds {
            break;
        }
        let mut draw = settings.draw("kill", seed);
        let moment = length.mul_f64(draw.below(900) as f64 / 1_000.0);
        let mut one = once(&installation, &mut workers, moment, &undisturbed).await;
        for wrong in &mut one.wrong {
            *wrong = format!("run {seed}, killed after {moment:.2?}: {wrong}");
        }
        tally.add(one);
    }
    tally.add(check_all_completed(&installation, &[]).await);
    tally
}

fn wanted() -> Value {
    json!({"entities": ENTITIES, "mode": "FULL"})
}

async fn once(
    installation: &Installation,
    workers: &mut Vec<Program>,
    moment: Duration,
    undisturbed: &Value,
) -> Tally {
    let mut tally = Tally::default();
    let connection = installation.caller.connect_stripe().await;
    let sync = installation.trigger(&connection, &wanted()).await;
    claimed(installation, &sync).await;
    tokio::time::sleep(moment).await;
    let killed = match installation.holder(&uuid_of(&sync), workers).await {
        Some(holder) => {
            holder.kill();
            tally.runs += 1;
            holder.pid()
        }
        None => 0,
    };
    if killed == 0 {
        tally
            .notes
            .push(format!("the sync was over before {moment:.2?} had passed"));
    } else {
        let (since, committed) = (Instant::now(), fetched(installation, &sync).await);
        wait_until(LEASE + SOON, "another worker commits", async || {
            fetched(installation, &sync).await > committed
                || state(installation, &sync).await == "COMPLETED"
        })
        .await;
        tally.recoveries.push(since.elapsed());
    }
    let done = ended(installation, &connection, &sync, SOON * 4).await;
    tally.demand(done["status"] == "COMPLETED", || {
        format!("it ended as {done}")
    });
    let same = done["stats"] == undisturbed["stats"];
    tally.duplicated += u64::from(!same);
    tally.demand(same, || {
        format!(
            "the counts are {} instead of {}",
            done["stats"], undisturbed["stats"]
        )
    });
    for entity in ENTITIES {
        tally.add(compare(installation, &connection, entity).await);
    }
    workers.retain(|worker| worker.pid() != killed);
    while workers.len() < 3 {
        workers.push(installation.start_worker());
    }
    tally
}
