//! `rail-worker`: jobs in, status out.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use rail_shared::config::{self, ConfigError, Environment, LogConfig, SharedConfig, WorkerConfig};
use rail_shared::telemetry;
use rail_worker::Worker;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long jobs have to come to a stop; whoever stops a process usually waits 30 s before killing it.
const GRACE: Duration = Duration::from_secs(25);

/// Runs the jobs of the Integrations Rail.
#[derive(Parser)]
#[command(version, after_help = config::VARIABLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Works until SIGTERM or SIGINT; then finishes the batch in hand, gives its jobs back and ends, within 25 s. A
    /// second signal ends it at once.
    Run,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli {
        command: Command::Run,
    } = Cli::parse();
    let env = Environment::process();
    let (log, shared, worker, ring) = match settings(&env) {
        Ok(settings) => settings,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(2);
        }
    };
    #[cfg(feature = "failpoints")]
    if let Some(step) = config::crash_at_step(&env) {
        rail_shared::failpoints::crash_at(step);
    }
    let _logging = match telemetry::start(&log.filter, log.format) {
        Ok(logging) => logging,
        Err(error) => {
            eprintln!("RAIL_LOG: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&shared, worker, ring).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

type Settings = (
    LogConfig,
    SharedConfig,
    WorkerConfig,
    rail_shared::secrets::KeyRing,
);

/// Every fault of every part at once.
fn settings(env: &Environment) -> Result<Settings, ConfigError> {
    let mut faults = Vec::new();
    let log = LogConfig::from_env(env).map_err(|error| faults.extend(error.0));
    let shared = SharedConfig::from_env(env).map_err(|error| faults.extend(error.0));
    let worker = WorkerConfig::from_env(env).map_err(|error| faults.extend(error.0));
    let ring = config::key_ring(env).map_err(|error| faults.extend(error.0));
    match (log, shared, worker, ring) {
        (Ok(log), Ok(shared), Ok(worker), Ok(ring)) => Ok((log, shared, worker, ring)),
        _ => Err(ConfigError(faults)),
    }
}

async fn run(
    shared: &SharedConfig,
    config: WorkerConfig,
    ring: rail_shared::secrets::KeyRing,
) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let stopping = stop.clone();
    tokio::spawn(async move {
        for signals in 0.. {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if signals > 0 {
                tracing::warn!("a second signal: ending at once");
                std::process::exit(1);
            }
            tracing::info!("stopping: the batch in hand is finished first");
            stopping.cancel();
        }
    });
    let worker = Worker::new(shared, config, ring)?;
    let ringer = worker.ringer.clone();
    let out_of_patience = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = worker.run(stop.clone()) => {}
        () = out_of_patience => tracing::warn!("some jobs did not come to a stop; others take them over when their leases run out"),
    }
    ringer.close(Duration::from_secs(2)).await;
    Ok(())
}
