//! `rail-api`: the program around the library.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rail_shared::config::{self, ApiConfig, ConfigError, Environment, LogConfig, SharedConfig};
use rail_shared::secrets::KeyRing;
use rail_shared::telemetry;

use commands::{ConnectorCommand, KeyCommand};

/// The HTTP API of the Integrations Rail.
#[derive(Debug, Parser)]
#[command(version, after_help = config::VARIABLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests until SIGTERM or SIGINT; then finish those in flight and end.
    Serve {
        /// Bring the schema up to date first.
        #[arg(long)]
        migrate: bool,
    },
    /// Bring the schema up to date, and make the first tenant and its bootstrap key.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Keys(KeyCommand),
    /// How much each key of RAIL_MASTER_KEYS wraps, and which may be taken out.
    MasterKeys,
    /// What can be connected.
    #[command(subcommand)]
    Connectors(ConnectorCommand),
}

/// Everything the environment says.
struct Settings {
    log: LogConfig,
    shared: SharedConfig,
    api: ApiConfig,
    key_ring: KeyRing,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Cli::parse().command;
    if matches!(command, Command::Openapi) {
        print!("{}", rail_api::document_text());
        return ExitCode::SUCCESS;
    }
    if let Command::Connectors(command) = command {
        return told(commands::connectors(&command, &Environment::process()));
    }
    let env = Environment::process();
    let settings = match settings(&env) {
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
    let _logging = match telemetry::start(&settings.log.filter, settings.log.format) {
        Ok(logging) => logging,
        Err(error) => {
            eprintln!("RAIL_LOG: {error}");
            return ExitCode::from(2);
        }
    };
    told(match command {
        Command::Serve { migrate } => commands::serve(settings, migrate).await,
        Command::Migrate => commands::migrate(&settings).await,
        Command::Keys(command) => commands::keys(&settings, command).await,
        Command::MasterKeys => commands::master_keys(&settings).await,
        Command::Openapi | Command::Connectors(_) => Ok(()),
    })
}

fn told(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Every fault of every part at once.
fn settings(env: &Environment) -> Result<Settings, ConfigError> {
    let mut faults = Vec::new();
    let log = LogConfig::from_env(env).map_err(|error| faults.extend(error.0));
    let shared = SharedConfig::from_env(env).map_err(|error| faults.extend(error.0));
    let api = ApiConfig::from_env(env).map_err(|error| faults.extend(error.0));
    let key_ring = config::key_ring(env).map_err(|error| faults.extend(error.0));
    match (log, shared, api, key_ring) {
        (Ok(log), Ok(shared), Ok(api), Ok(key_ring)) => Ok(Settings {
            log,
            shared,
            api,
            key_ring,
        }),
        _ => Err(ConfigError(faults)),
    }
}
