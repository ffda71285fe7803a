//! Syncs of a vendor that costs nothing, beside plain SQL that brings the same bytes, and beside dlt.

mod floor;
mod table;
pub mod vendor;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;

use crate::stage::Servers;
use work::{Measured, Syncs};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Wanted {
    #[command(flatten)]
    servers: Servers,
    /// Records of the main measurement.
    #[arg(long, default_value_t = 100_000)]
    records: usize,
    /// Pages of each list of a slow vendor.
    #[arg(long, default_value_t = 250)]
    slow_pages: usize,
    /// Records a connection, where many are synced at once.
    #[arg(long, default_value_t = 10_000)]
    records_each: usize,
    /// Beside dlt too, which this Python has.
    #[arg(long)]
    peers: Option<PathBuf>,
    /// Only the main measurement.
    #[arg(long)]
    short: bool,
}

/// How long the slow vendor takes for a page.
const SLOW: Duration = Duration::from_millis(50);

/// Measures and prints.
pub async fn measure(wanted: &Wanted) -> anyhow::Result<()> {
    table::begin_main(wanted.records);
    main_work(wanted).await?;
    if wanted.short {
        return Ok(());
    }
    slow_vendor(wanted).await?;
    many_in_one_worker(wanted).await?;
    more_workers(wanted).await
}

/// What is measured beside the floor: one record in so many changed before.
const LOADS: [(&str, Option<usize>); 2] = [("first FULL", None), ("FULL, 10 % changed", Some(10))];

/// First FULL, FULL again with 10 % changed, INCREMENTAL with 1 % changed; the floor before each of the first two.
async fn main_work(wanted: &Wanted) -> anyhow::Result<()> {
    let mut syncs = Syncs::begin(&wanted.servers, 1, wanted.records, Duration::ZERO, 1, 1).await?;
    let file = syncs.stage.folder().join("floor.sql");
    syncs.stage.look.batch_execute(floor::TABLES).await?;
    let mut floors = Vec::new();
    for (name, one_in) in LOADS {
        floor::script(&file, wanted.records, one_in)?;
        let url = syncs.stage.url.clone();
        let spent = syncs
            .measured(async |_| floor::run(&url, &file).await)
            .await?;
        if let Some(one_in) = one_in {
            syncs.change(one_in).await?;
        }
        let ours = syncs.run("FULL").await?;
        table::row(&format!("floor: {name}"), &spent, None);
        table::row(&format!("rail: {name}"), &ours, Some(&spent));
        floors.push(spent);
    }
    syncs.change(100).await?;
    let ours = syncs.run("INCREMENTAL").await?;
    table::row("rail: INCREMENTAL, 1 % changed", &ours, None);
    drop(syncs);
    match &wanted.peers {
        Some(python) => dlt(wanted, python, &floors).await,
        None => Ok(()),
    }
}

/// The first two by dlt, in a database of its own: what it leaves Postgres to do later is nobody else's.
async fn dlt(wanted: &Wanted, python: &Path, floors: &[Measured]) -> anyhow::Result<()> {
    let mut syncs = Syncs::begin(&wanted.servers, 8, wanted.records, Duration::ZERO, 1, 0).await?;
    for ((name, one_in), floor) in LOADS.iter().zip(floors) {
        if let Some(one_in) = one_in {
            syncs.change(*one_in).await?;
        }
        let theirs = syncs.loaded_by_dlt(python).await?;
        table::row(&format!("dlt: {name}"), &theirs, Some(floor));
    }
    Ok(())
}

/// One entity, then as many as are read at once.
async fn slow_vendor(wanted: &Wanted) -> anyhow::Result<()> {
    let records = wanted.slow_pages * vendor::PAGE;
    let mut syncs = Syncs::begin(&wanted.servers, 2, records, SLOW, 1, 1).await?;
    let alone = syncs.a_page_alone().await?;
    table::begin_slow(SLOW, alone);
    let least = SLOW * u32::try_from(wanted.slow_pages)?;
    for entities in [&vendor::ENTITIES[..1], &vendor::ENTITIES] {
        let ours = syncs.run_of("FULL", entities).await?;
        table::slow(wanted.slow_pages, entities.len(), least, &ours);
    }
    Ok(())
}

async fn many_in_one_worker(wanted: &Wanted) -> anyhow::Result<()> {
    table::begin_many("syncs at once in one worker");
    for (number, connections) in [(3, 1), (4, 64)] {
        let records = wanted.records_each;
        let mut syncs = Syncs::begin(
            &wanted.servers,
            number,
            records,
            Duration::ZERO,
            connections,
            1,
        )
        .await?;
        table::many(&connections.to_string(), &syncs.run("FULL").await?);
    }
    Ok(())
}

async fn more_workers(wanted: &Wanted) -> anyhow::Result<()> {
    table::begin_many("workers, 16 connections");
    for (number, workers) in [(5, 1), (6, 2), (7, 4)] {
        let records = wanted.records_each;
        let mut syncs = Syncs::begin(
            &wanted.servers,
            number,
            records,
            Duration::ZERO,
            16,
            workers,
        )
        .await?;
        table::many(&workers.to_string(), &syncs.run("FULL").await?);
    }
    Ok(())
}
