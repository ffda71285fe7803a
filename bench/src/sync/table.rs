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

/// A vendor that takes its time.
pub fn slow(pages: usize, each: Duration, least: Duration, of: &Measured) {
    println!(
        "\n{pages} pages of {} ms each, one after the other: {:.2} s, {:.3} × the least ({:.2} s)",
        each.as_millis(),
        wall(of),
        wall(of) / least.as_secs_f64(),
        least.as_secs_f64()
    );
}

pub fn begin_many(what: &str) {
    println!(
        "\n| {what} | records/s | our CPU a 100,000 | Postgres CPU a 100,000 | cores of Postgres | peak memory of a worker |"
    );
    println!("|---|---|---|---|---|---|");
}

pub fn many(name: &str, of: &Measured) {
    let each = |spent: Duration| spent.as_secs_f64() * 100_000.0 / of.records as f64;
    println!(
        "| {name} | {:.0} | {:.2} s | {:.2} s | {:.2} | {} |",
        of.records as f64 / wall(of),
        each(of.ours),
        each(of.postgres),
        of.postgres.as_secs_f64() / wall(of),
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
