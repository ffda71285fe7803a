//! Breaks everything the product stands on, in real processes and real servers, and counts what was lost, done twice or
//! left lying. docs/reliability.md says what each scenario does and shows the table this prints.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

mod at_once;
mod crash_points;
mod crowd;
mod doorbell;
mod events;
mod export_layouts;
mod export_places;
mod exports;
mod flow;
mod freeze;
mod history;
mod kill;
mod replace;
mod settings;
mod source;
mod steps;
mod store;
mod takeover;
mod tally;
mod vendor;
mod webhooks;

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Instant;

use settings::Settings;
use tally::Tally;
use tokio::task::{LocalSet, spawn_local};

type Run = fn(&'static Settings) -> Pin<Box<dyn Future<Output = Tally>>>;

const SCENARIOS: &[(&str, Run)] = &[
    ("a_worker_is_killed_at_a_random_moment", |it| {
        Box::pin(kill::run(it))
    }),
    ("a_sync_is_crashed_after_every_step", |it| {
        Box::pin(crash_points::run(it))
    }),
    ("an_export_is_crashed_after_every_step", |it| {
        Box::pin(exports::to_a_folder(it))
    }),
    ("an_export_to_s3_is_crashed_after_every_step", |it| {
        Box::pin(exports::to_s3(it))
    }),
    ("an_export_to_azure_is_crashed_after_every_step", |it| {
        Box::pin(exports::to_azure(it))
    }),
    ("another_worker_takes_over_within_the_default_lease", |it| {
        Box::pin(takeover::run(it))
    }),
    ("a_worker_is_killed_and_restarted_within_a_second", |it| {
        Box::pin(replace::restarted(it))
    }),
    ("workers_are_replaced_while_200_jobs_run", |it| {
        Box::pin(replace::rolling(it))
    }),
    ("redis_is_flushed", |it| Box::pin(doorbell::flushed(it))),
    ("redis_is_restarted_without_persistence", |it| {
        Box::pin(doorbell::restarted(it))
    }),
    ("redis_is_away", |it| Box::pin(doorbell::away(it))),
    ("redis_is_out_of_memory", |it| Box::pin(doorbell::full(it))),
    ("postgres_crashes_in_the_middle_of_commits", |it| {
        Box::pin(store::crashes(it))
    }),
    ("postgres_answers_to_commits_are_lost", |it| {
        Box::pin(store::silent(it))
    }),
    ("a_worker_is_frozen_past_its_lease", |it| {
        Box::pin(freeze::past_its_lease(it))
    }),
    ("a_worker_is_frozen_in_a_transaction", |it| {
        Box::pin(freeze::in_a_transaction(it))
    }),
    ("200_triggers_with_one_key", |it| {
        Box::pin(at_once::one_key(it))
    }),
    ("200_triggers_at_once", |it| Box::pin(at_once::triggers(it))),
    ("64_syncs_in_one_worker", |it| Box::pin(crowd::run(it))),
    ("a_vendor_misbehaves", |it| Box::pin(vendor::run(it))),
    ("an_api_dies_before_it_answers_a_webhook", |it| {
        Box::pin(webhooks::unanswered(it))
    }),
    ("a_delivery_is_crashed_after_every_step", |it| {
        Box::pin(events::crashed_deliveries(it))
    }),
    ("events_are_told_while_everything_is_killed", |it| {
        Box::pin(events::killed(it))
    }),
];

fn main() -> ExitCode {
    let settings: &'static Settings = Box::leak(Box::new(Settings::read()));
    let chosen: Vec<_> = SCENARIOS
        .iter()
        .filter(|(name, _)| {
            settings.filters.is_empty()
                || settings
                    .filters
                    .iter()
                    .any(|filter| name.contains(filter.as_str()))
        })
        .collect();
    println!("\nrunning {} tests", chosen.len());
    println!(
        "seed {} (RAIL_TEST_SEED={} gives it again)",
        settings.seed, settings.seed
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut rows = Vec::new();
    for (name, run) in &chosen {
        let begun = Instant::now();
        // On this thread, which stays as long as the programs it starts.
        let tasks = LocalSet::new();
        let tally = tasks.block_on(&runtime, async { spawn_local(run(settings)).await.ok() });
        let passed = tally.as_ref().is_some_and(Tally::is_clean);
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        if let Some(tally) = &tally {
            tally.notes.iter().for_each(|note| println!("    {note}"));
            tally
                .wrong
                .iter()
                .for_each(|wrong| println!("    WRONG: {wrong}"));
        }
        rows.push((*name, tally, begun.elapsed()));
    }
    let failed = rows
        .iter()
        .filter(|(_, tally, _)| !tally.as_ref().is_some_and(Tally::is_clean))
        .count();
    println!("\n{}", tally::table(&rows));
    println!(
        "test result: {}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out",
        if failed == 0 { "ok" } else { "FAILED" },
        rows.len() - failed,
        SCENARIOS.len() - rows.len(),
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
