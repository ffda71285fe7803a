//! Jobs that do nothing, through the whole way: POST → row → ring → claim → outcome → status.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::sleep;

use crate::backlog::Backlog;
use crate::cpu::Spent;
use crate::latency::{self, Latency};
use crate::load::Load;
use crate::stage::{Servers, Stage};
use crate::{status, table};

/// Keep-alive connections that ask at once.
pub const CALLERS: usize = 16;
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Wanted {
    #[command(flatten)]
    servers: Servers,
    /// Jobs accepted, and then worked through, a measurement.
    #[arg(long, default_value_t = 20_000)]
    jobs: u64,
    /// Jobs the worker runs at once.
    #[arg(long, default_value_t = 50)]
    slots: usize,
    /// The greatest number of jobs queued beforehand; 0 measures without any.
    #[arg(long, default_value_t = 1_000_000)]
    backlog: u32,
}

/// Jobs in a time, and what they cost.
#[derive(Debug, Clone, Copy)]
pub struct Phase {
    pub accepted: u64,
    pub completed: u64,
    pub spent: Spent,
}

/// What was measured with one backlog.
#[derive(Debug)]
pub struct Measured {
    pub backlog: Backlog,
    /// Jobs are accepted while no worker runs.
    pub accepting: Phase,
    /// What waits is worked through while nobody asks.
    pub working: Phase,
    /// Both at once.
    pub both: Phase,
    /// Where the worker is idle otherwise.
    pub latency: Option<Latency>,
}

/// Measures and prints.
pub async fn measure(wanted: &Wanted) -> anyhow::Result<()> {
    let (few, many) = (wanted.backlog.min(10_000), wanted.backlog);
    let mut backlogs = vec![Backlog::None];
    if few > 0 {
        backlogs.extend([Backlog::Later(few), Backlog::Due(few)]);
    }
    if many > few {
        backlogs.extend([Backlog::Later(many), Backlog::Due(many)]);
    }
    let mut measured = Vec::new();
    let mut statuses = None;
    let slots = [("RAIL_WORKER_EXPORTS", wanted.slots.to_string())];
    for (number, backlog) in (1..).zip(backlogs) {
        let mut stage = Stage::set(&wanted.servers, number, &slots).await?;
        eprintln!("jobs queued beforehand: {backlog}");
        backlog.queue(&mut stage).await?;
        if backlog == Backlog::None {
            statuses = Some(status::measure(&mut stage).await?);
        }
        measured.push(with(wanted, backlog, &mut stage).await?);
        // Each as soon as it is known.
        table::print_jobs(&measured[measured.len() - 1..]);
    }
    println!();
    table::print_jobs(&measured);
    if let Some(statuses) = statuses {
        table::print_statuses(&statuses);
    }
    Ok(())
}

async fn with(wanted: &Wanted, backlog: Backlog, stage: &mut Stage) -> anyhow::Result<Measured> {
    let latency = match backlog {
        Backlog::Due(_) => None,
        Backlog::None | Backlog::Later(_) => Some(latency::measure(stage).await?),
    };
    let accepting = accept(wanted.jobs, stage).await?;
    let before = stage.done().await?;
    let worker = stage.start_worker(None)?;
    let pids = stage.pids(Some(&worker));

    // The first are left out: a program that just started connects, prepares statements, and so on.
    let waiting = wanted.jobs + backlog.due().min(wanted.jobs);
    reach(stage, before + waiting / 10).await?;
    let (first, begun) = (stage.done().await?, pids.read());
    reach(stage, before + waiting * 9 / 10).await?;
    let (last, spent) = (stage.done().await?, pids.read() - begun);
    let working = Phase {
        accepted: 0,
        completed: last - first,
        spent,
    };

    let load = Load::begin(CALLERS, stage.address, &stage.post, 202);
    sleep(Duration::from_secs(2)).await;
    let (accepted, first, begun) = (load.answered(), stage.done().await?, pids.read());
    sleep(Duration::from_secs(6)).await;
    let both = Phase {
        accepted: load.answered() - accepted,
        completed: stage.done().await? - first,
        spent: pids.read() - begun,
    };
    load.end().await?;
    Ok(Measured {
        backlog,
        accepting,
        working,
        both,
        latency,
    })
}

async fn accept(jobs: u64, stage: &mut Stage) -> anyhow::Result<Phase> {
    let load = Load::begin(CALLERS, stage.address, &stage.post, 202);
    sleep(Duration::from_millis(300)).await;
    let pids = stage.pids(None);
    let (first, begun) = (load.answered(), pids.read());
    while load.answered() < jobs && !load.is_broken() {
        sleep(Duration::from_millis(10)).await;
    }
    let phase = Phase {
        accepted: load.answered() - first,
        completed: 0,
        spent: pids.read() - begun,
    };
    load.end().await?;
    Ok(phase)
}

/// Waits until so many jobs are done.
async fn reach(stage: &mut Stage, done: u64) -> anyhow::Result<()> {
    let mut before = 0;
    let mut idle_looks = 0;
    loop {
        let now = stage.done().await?;
        if now >= done {
            return Ok(());
        }
        idle_looks = if now == before { idle_looks + 1 } else { 0 };
        ensure!(idle_looks < 80, "{now} jobs are done, {done} were to be");
        before = now;
        sleep(LOOK_EVERY).await;
    }
}
