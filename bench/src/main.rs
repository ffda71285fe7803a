//! `rail-bench`: what a job and a request cost. `./dev bench` runs it on private servers.
//!
//! One binary is every program of a measurement, each in a process of its own: the driver, which is also the load, and,
//! started by it, the api, a worker whose work is nothing, and the bare handler the api is compared with.

mod backlog;
mod bare;
mod client;
mod cpu;
mod events;
mod export;
mod jobs;
mod latency;
mod load;
mod memory;
mod peers;
mod programs;
mod stage;
mod status;
mod sync;
mod table;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures jobs that do nothing, through the whole way.
    Jobs(jobs::Wanted),
    /// Measures syncs, beside plain SQL.
    Sync(sync::Wanted),
    /// Measures exports, beside psql.
    Export(export::Wanted),
    /// Measures events: appending, deliveries, the stream.
    Events(events::Wanted),
    /// The store to which those exports go that go to S3.
    Sink(export::sink::Wanted),
    /// The vendor of those syncs.
    Vendor(sync::vendor::Wanted),
    /// The product's worker as it is; settings as of `rail-worker`.
    Syncer,
    /// The product's worker, which delivers and does nothing else; settings as of `rail-worker`.
    Deliverer,
    /// The product's api; settings as of `rail-api`.
    Api,
    /// The product's worker; settings as of `rail-worker`. Its work is nothing.
    Worker {
        /// A datagram socket that is told of every job as its work begins.
        #[arg(long)]
        tell: Option<std::path::PathBuf>,
    },
    /// A handler that reads one row by its key and answers JSON, and nothing else.
    Bare,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Jobs(wanted) => jobs::measure(&wanted).await,
        Command::Sync(wanted) => sync::measure(&wanted).await,
        Command::Export(wanted) => export::measure(&wanted).await,
        Command::Events(wanted) => events::measure(&wanted).await,
        Command::Sink(wanted) => export::sink::serve(&wanted).await,
        Command::Vendor(wanted) => sync::vendor::serve(&wanted).await,
        Command::Syncer => programs::syncer().await,
        Command::Deliverer => programs::deliverer().await,
        Command::Api => programs::api().await,
        Command::Worker { tell } => programs::worker(tell.as_deref()).await,
        Command::Bare => programs::bare().await,
    }
}
