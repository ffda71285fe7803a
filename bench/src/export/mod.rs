//! Exports of a million records, each format, beside psql, and DuckDB and pandas, that read the same jsonb.

mod cases;
mod floor;
mod peer;
mod records;
pub mod sink;

use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::time::sleep;

use self::cases::{Case, To};
use self::floor::Floor;
use self::peer::Peer;
use crate::stage::{Program, Servers, Stage, connect, free_address};
use crate::{cpu, memory};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Wanted {
    #[command(flatten)]
    servers: Servers,
    /// How many records.
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// How often each is measured; the quickest counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only the export of this name; may be repeated.
    #[arg(long)]
    only: Vec<String>,
    /// Beside DuckDB and pandas too, which this Python has.
    #[arg(long)]
    peers: Option<PathBuf>,
}

const LOOK_EVERY: Duration = Duration::from_millis(25);

/// What something cost.
#[derive(Debug, Clone, Copy)]
struct Spent {
    wall: Duration,
    /// Of the worker, or of psql.
    ours: Duration,
    postgres: Duration,
    bytes: u64,
    peak_kib: Option<u64>,
}

/// Measures and prints.
pub async fn measure(wanted: &Wanted) -> anyhow::Result<()> {
    let store = free_address()?;
    let own = [
        ("RAIL_S3_ENDPOINT", format!("http://{store}")),
        ("RAIL_S3_ACCESS_KEY_ID", "measures".to_owned()),
        ("RAIL_S3_SECRET_ACCESS_KEY", "measures".to_owned()),
    ];
    let mut stage = Stage::set(&wanted.servers, 1, &own).await?;
    records::make(&mut stage, wanted.records).await?;
    let port = store.port().to_string();
    let _sink = stage.start("sink", &["sink", "--port", &port])?;
    println!(
        "| {} records | rows/s | CPU a row | Postgres CPU a row | file | beside psql: rows/s | CPU | peak memory |",
        wanted.records
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, floor) in [
        ("psql: 20 fields as CSV", Floor::Csv),
        ("psql: jsonb as text", Floor::Text),
    ] {
        let best = quickest(wanted.rounds, async || Ok(vec![psql(&stage, floor).await?])).await?;
        row(name, wanted.records, best[0], None);
    }
    let is_wanted =
        |case: &Case| wanted.only.is_empty() || wanted.only.iter().any(|it| it == case.name);
    for case in cases::all().into_iter().filter(is_wanted) {
        measure_case(&stage, wanted, &case).await?;
    }
    let odd: Vec<Case> = cases::of_an_odd_record()
        .into_iter()
        .filter(is_wanted)
        .collect();
    if !odd.is_empty() {
        records::make_one_odd(&mut stage, wanted.records).await?;
    }
    for case in odd {
        measure_case(&stage, wanted, &case).await?;
    }
    Ok(())
}

/// Measures an export in turns with psql and those peers that have its format: machines change their pace from one minute to the
/// next, so what is compared has to be measured side by side.
async fn measure_case(stage: &Stage, wanted: &Wanted, case: &Case) -> anyhow::Result<()> {
    // One of its own: what others left in the memory of a process would count for this one.
    let worker = stage.start("worker", &["syncer"])?;
    let peers = wanted.peers.iter().flat_map(|python| peer::all(python));
    let peers: Vec<Peer> = peers.filter(|peer| peer.format == case.name).collect();
    let run = async || {
        let mut spent = vec![
            psql(stage, case.floor).await?,
            export(stage, &worker, wanted.records, case).await?,
        ];
        for peer in &peers {
            spent.push(theirs(stage, peer).await?);
        }
        Ok(spent)
    };
    let best = quickest(wanted.rounds, run).await?;
    let names = iter::once(format!("rail: {}", case.name)).chain(peers.iter().map(Peer::name));
    for (name, spent) in names.zip(&best[1..]) {
        row(&name, wanted.records, *spent, Some(best[0]));
    }
    Ok(())
}

/// Of each of those that are measured in turns, its quickest.
async fn quickest(
    rounds: usize,
    measure: impl AsyncFn() -> anyhow::Result<Vec<Spent>>,
) -> anyhow::Result<Vec<Spent>> {
    let mut best: Option<Vec<Spent>> = None;
    for _ in 0..rounds {
        let now = measure().await?;
        for (best, now) in best.get_or_insert_with(|| now.clone()).iter_mut().zip(now) {
            if now.wall < best.wall {
                *best = now;
            }
        }
    }
    best.context("at least one round")
}

async fn psql(stage: &Stage, floor: Floor) -> anyhow::Result<Spent> {
    let psql = async |file: &Path| floor::run(&stage.url, floor, file).await.map(|()| None);
    child(stage, psql).await
}

async fn theirs(stage: &Stage, peer: &Peer<'_>) -> anyhow::Result<Spent> {
    let peer = async |file: &Path| peer.run(&stage.url, file).await.map(Some);
    child(stage, peer).await
}

/// What another program costs that writes a file, which is removed; it tells its greatest memory, or does not.
async fn child(
    stage: &Stage,
    program: impl AsyncFnOnce(&Path) -> anyhow::Result<Option<u64>>,
) -> anyhow::Result<Spent> {
    let file = stage.folder().join("theirs");
    let (ours, postgres, begun) = (
        cpu::of_the_waited_for(),
        stage.postgres_cpu(),
        Instant::now(),
    );
    let peak_kib = program(&file).await?;
    let spent = Spent {
        wall: begun.elapsed(),
        ours: cpu::of_the_waited_for() - ours,
        postgres: stage.postgres_cpu() - postgres,
        bytes: fs::metadata(&file)?.len(),
        peak_kib,
    };
    fs::remove_file(&file)?;
    Ok(spent)
}

/// Runs an export once, and removes what it wrote.
async fn export(
    stage: &Stage,
    worker: &Program,
    records: usize,
    case: &Case,
) -> anyhow::Result<Spent> {
    let mut api = connect(stage.address).await?;
    let create = stage.request("POST", "/exports", &case.body().to_string());
    let made = api.ask(&create).await?.expect(201)?.content()?;
    let export = made["exportId"].as_str().context("an export's id")?;
    memory::forget_peak(worker.pid())?;
    let (ours, postgres, begun) = (cpu::of(worker.pid()), stage.postgres_cpu(), Instant::now());
    let start = stage.request("POST", &format!("/exports/{export}/run"), "");
    let run = api.ask(&start).await?.expect(202)?.content()?;
    let run = run["runId"].as_str().context("a run's id")?;
    let look = stage.request("GET", &format!("/exports/{export}/runs/{run}"), "");
    let done = loop {
        let seen = api.ask(&look).await?.expect(200)?.content()?;
        match seen["status"].as_str() {
            Some("QUEUED" | "RUNNING") => sleep(LOOK_EVERY).await,
            _ => break seen,
        }
    };
    let wall = begun.elapsed();
    ensure!(
        done["status"] == "COMPLETED" && done["rows"] == records,
        "it ended as {done}"
    );
    let spent = Spent {
        wall,
        ours: cpu::of(worker.pid()) - ours,
        postgres: stage.postgres_cpu() - postgres,
        bytes: done["bytes"].as_u64().context("bytes")?,
        peak_kib: Some(memory::peak_kib(worker.pid())?),
    };
    if case.to == To::Local {
        fs::remove_dir_all(stage.folder().join("exports/measured"))?;
    }
    Ok(spent)
}

fn row(name: &str, records: usize, of: Spent, floor: Option<Spent>) {
    let each = |spent: Duration| spent.as_secs_f64() * 1e6 / records as f64;
    let wall = |spent: Spent| spent.wall.as_secs_f64();
    let beside = |ratio: &dyn Fn(Spent) -> f64| {
        floor.map_or("–".to_owned(), |floor| format!("{:.2} ×", ratio(floor)))
    };
    let quicker = beside(&|floor| wall(floor) / wall(of));
    let busier = beside(&|floor| of.ours.as_secs_f64() / floor.ours.as_secs_f64());
    let peak = of
        .peak_kib
        .map_or("–".to_owned(), |kib| format!("{} MB", kib / 1024));
    println!(
        "| {name} | {:.0} | {:.2} µs | {:.2} µs | {} MB | {quicker} | {busier} | {peak} |",
        records as f64 / wall(of),
        each(of.ours),
        each(of.postgres),
        of.bytes / 1_000_000,
    );
}
