//! The tables, in Markdown.

use std::time::Duration;

use super::work::Measured;

pub fn begin_main(records: usize) {
    println!(
        "| {records} records | wall | records/s | our CPU | Postgres CPU | both, beside the floor | WAL | peak memory |"
    );
    println!("|---|---|---|---|---|---|---|---|");
}

/// One work; `floor` is what plain SQL took for it.
pub fn row(name: &str, of: &Measured, floor: Option<&Measured>) {
    let ratio = floor.map_or("–".to_owned(), |floor| {
        format!(
            "{:.2} × (wall {:.2} ×)",
            cpu(of) / cpu(floor),
            wall(of) / wall(floor)
        )
    });
    let peak = of.peak_kib.map_or("–".to_owned(), mib);
    println!(
        "| {name} | {:.2} s | {:.0} | {:.2} s | {:.2} s | {ratio} | {} | {peak} |",
        wall(of),
        of.records as f64 / wall(of),
        of.ours.as_secs_f64(),
        of.postgres.as_secs_f64(),
        mib(of.wal_bytes / 1024),
    );
}

/// A vendor that takes its time: as much as it was told to, and what that comes to.
pub fn begin_slow(told: Duration, alone: Duration) {
    println!(
        "\n{} ms a page ({:.1} ms when nothing else is asked of the vendor):\n",
        told.as_millis(),
        alone.as_secs_f64() * 1_000.0
    );
}

/// So many lists at once.
pub fn slow(pages: usize, lists: usize, least: Duration, of: &Measured) {
    println!(
        "- {lists} × {pages} pages, one after the other in each list: {:.2} s, {:.3} × the least ({:.2} s)",
        wall(of),
        wall(of) / least.as_secs_f64(),
        least.as_secs_f64()
    );
}

pub fn begin_many(what: &str) {
    println!(
        "\n| {what} | records/s | our CPU a 100,000 | Postgres CPU a 100,000 | cores: Postgres · workers · vendor | peak memory of a worker |"
    );
    println!("|---|---|---|---|---|---|");
}

pub fn many(name: &str, of: &Measured) {
    let cores = |spent: Duration| spent.as_secs_f64() / wall(of);
    let each = |spent: Duration| spent.as_secs_f64() * 100_000.0 / of.records as f64;
    println!(
        "| {name} | {:.0} | {:.2} s | {:.2} s | {:.2} · {:.2} · {:.2} | {} |",
        of.records as f64 / wall(of),
        each(of.ours),
        each(of.postgres),
        cores(of.postgres),
        cores(of.ours),
        cores(of.vendor),
        of.peak_kib.map_or("–".to_owned(), mib),
    );
}

fn wall(of: &Measured) -> f64 {
    of.wall.as_secs_f64()
}

fn cpu(of: &Measured) -> f64 {
    (of.ours + of.postgres).as_secs_f64()
}

fn mib(kib: u64) -> String {
    format!("{:.0} MB", kib as f64 / 1024.0)
}
