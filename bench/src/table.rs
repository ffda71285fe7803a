//! The tables, in Markdown.

use std::time::Duration;

use crate::jobs::{Measured, Phase};
use crate::latency::Waits;
use crate::status::Statuses;

/// One line a backlog.
pub fn print_jobs(measured: &[Measured]) {
    println!(
        "| queued beforehand | accepting: jobs/s · api · Postgres · Redis | working: jobs/s · worker · Postgres · Redis \
         | at once: accepted/s · completed/s · api + worker · Postgres | start after 202, p50 · p99 \
         | start after POST, p50 · p99 | COMPLETED readable after POST, p50 · p99 |"
    );
    println!("|---|---|---|---|---|---|---|");
    for of in measured {
        let Measured {
            backlog,
            accepting,
            working,
            both,
            latency,
        } = of;
        let waits = |of: fn(&crate::latency::Latency) -> &Waits| {
            latency
                .as_ref()
                .map_or("–".to_owned(), |latency| percentiles(of(latency)))
        };
        println!(
            "| {backlog} | {} · {} · {} · {} | {} · {} · {} · {} | {} · {} · {} · {} | {} | {} | {} |",
            rate(accepting.accepted, accepting),
            each(accepting.spent.api, accepting.accepted),
            each(accepting.spent.postgres, accepting.accepted),
            each(accepting.spent.redis, accepting.accepted),
            rate(working.completed, working),
            each(working.spent.worker, working.completed),
            each(working.spent.postgres, working.completed),
            each(working.spent.redis, working.completed),
            rate(both.accepted, both),
            rate(both.completed, both),
            // Each part's own count: what was accepted is not what was completed while a backlog is worked through.
            micros(per(both.spent.api, both.accepted) + per(both.spent.worker, both.completed)),
            each(both.spent.postgres, both.completed.max(both.accepted)),
            waits(|latency| &latency.from_accepted),
            waits(|latency| &latency.from_post),
            waits(|latency| &latency.to_readable),
        );
    }
}

/// The api beside its floor.
pub fn print_statuses(statuses: &Statuses) {
    let Statuses {
        of_run,
        of_sync,
        floor,
    } = statuses;
    println!("\n| GET | requests/s | CPU a request | to the bare handler's | Postgres a request |");
    println!("|---|---|---|---|---|");
    for (name, of) in [
        ("the status of a run", of_run),
        ("the status of a sync", of_sync),
        ("one row, bare handler", floor),
    ] {
        let ratio = per(of.ours, of.requests) / per(floor.ours, floor.requests);
        println!(
            "| {name} | {:.0} | {} | {ratio:.2} | {} |",
            of.requests as f64 / of.wall.as_secs_f64(),
            each(of.ours, of.requests),
            each(of.postgres, of.requests)
        );
    }
}

fn rate(jobs: u64, phase: &Phase) -> String {
    format!("{:.0}", jobs as f64 / phase.spent.wall.as_secs_f64())
}

fn each(spent: Duration, jobs: u64) -> String {
    micros(per(spent, jobs))
}

fn per(spent: Duration, jobs: u64) -> f64 {
    spent.as_secs_f64() * 1e6 / jobs.max(1) as f64
}

fn micros(micros: f64) -> String {
    format!("{micros:.0} µs")
}

fn percentiles(waits: &Waits) -> String {
    let shown = |of_hundred| {
        waits.percentile(of_hundred).map_or("–".to_owned(), |wait| {
            format!("{:.1}", wait.as_secs_f64() * 1e3)
        })
    };
    format!("{} · {} ms", shown(50), shown(99))
}
