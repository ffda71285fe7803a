//! The demonstration: the main job of the rail, done through its api in front of the reader.
//!
//! It makes a connection (or takes the one of an earlier run), tests it, syncs customers and invoices while a bar
//! grows, exports the customers to a CSV file, and prints what came out. Any doubt ends it with a non-zero status.

mod answers;
mod client;
mod screen;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use serde_json::json;

use answers::{Connection, Export, ExportFile, ExportRun, JobStatus, Sync, TestResult};
use client::Client;
use screen::{Bar, count, fact, megabytes, per_second, stats_table};

const CONNECTION_NAME: &str = "Demo Stripe";
const EXPORT_NAME: &str = "Demo customers";
/// How often a running job is asked how far it is.
const POLL_EVERY: Duration = Duration::from_millis(150);

/// Connects, tests, syncs and exports through a running api, and prints what came out.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// The api's address, as in http://127.0.0.1:8080
    #[arg(long, env = "RAIL_URL")]
    url: String,
    /// The API key to call it with
    #[arg(long, env = "RAIL_KEY", hide_env_values = true)]
    key: String,
    /// Where the api writes LOCAL exports; when given, the file is looked at there
    #[arg(long, env = "RAIL_EXPORT_DIR")]
    export_dir: Option<PathBuf>,
    /// How many customers the vendor has: the full length of the bar
    #[arg(long, default_value_t = 12_000)]
    customers: u64,
    /// Fewer customers than this are a failure
    #[arg(long, default_value_t = 10_000)]
    at_least: u64,
    /// Seconds without any progress after which the demonstration gives up
    #[arg(long, default_value_t = 60)]
    patience_s: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match demonstrate(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nthe demonstration failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate(options: &Options) -> anyhow::Result<()> {
    let client = Client::new(&options.url, &options.key)?;
    let patience = Duration::from_secs(options.patience_s);
    client.wait_until_ready(patience).await?;

    let connection = connect(&client).await?;
    test(&client, &connection).await?;
    let sync = sync(&client, &connection, options, patience).await?;
    let synced = sync.stats.get("customers").copied().unwrap_or_default();
    ensure!(
        synced.fetched >= options.at_least,
        "only {} customers came, {} or more were expected",
        count(synced.fetched),
        count(options.at_least)
    );
    let troubled: u64 = sync.stats.values().map(|entity| entity.errors).sum();
    ensure!(
        troubled == 0,
        "{} records could not be read",
        count(troubled)
    );

    let run = export(&client, patience).await?;
    ensure!(
        run.rows >= synced.fetched,
        "{} customers were fetched, but {} rows were written",
        count(synced.fetched),
        count(run.rows)
    );
    for file in &run.files {
        fact("file", &look_at(file, options)?);
    }

    println!();
    fact("API key", &options.key);
    fact("docs", &format!("{}/docs", client.base_url()));
    Ok(())
}

/// Takes the connection of an earlier run, or makes it.
async fn connect(client: &Client) -> anyhow::Result<Connection> {
    let known: Vec<Connection> = client.list("/connections").await?;
    if let Some(connection) = known.into_iter().find(|it| it.name == CONNECTION_NAME) {
        fact(
            "connection",
            &format!(
                "{} \"{CONNECTION_NAME}\", from an earlier run",
                connection.connection_id
            ),
        );
        return Ok(connection);
    }
    let body = json!({
        "connectorId": "stripe",
        "name": CONNECTION_NAME,
        "credentials": {"apiKey": "${IOF_CONNECTOR_API_KEY}"},
    });
    let connection: Connection = client.post("/connections", &body).await?;
    fact(
        "connection",
        &format!("{} \"{CONNECTION_NAME}\", new", connection.connection_id),
    );
    Ok(connection)
}

async fn test(client: &Client, connection: &Connection) -> anyhow::Result<()> {
    let path = format!("/connections/{}/test", connection.connection_id);
    let result: TestResult = client.post(&path, &json!({})).await?;
    if !result.success {
        let reason = result
            .error
            .map_or("no reason given".into(), |it| it.to_string());
        bail!("the connection's test failed: {reason}");
    }
    let version = result.version.unwrap_or_else(|| "unnamed".into());
    fact(
        "test",
        &format!(
            "passed in {} ms, vendor's API version {version}",
            result.latency
        ),
    );
    Ok(())
}

/// Runs a full sync to its end, showing how far it is.
async fn sync(
    client: &Client,
    connection: &Connection,
    options: &Options,
    patience: Duration,
) -> anyhow::Result<Sync> {
    let path = format!("/connections/{}/sync", connection.connection_id);
    let body = json!({"entities": ["customers", "invoices"], "mode": "FULL"});
    // A sync that still runs from an interrupted demonstration is as good as a new one.
    let sync_id = client.post_or_attach(&path, &body, "syncId").await?;
    fact("sync", &format!("{sync_id}, mode FULL"));

    let mut bar = Bar::new(options.customers);
    let path = format!("{path}/{sync_id}");
    let mut quiet = Quiet::new(patience);
    let sync: Sync = loop {
        let sync: Sync = client.get(&path).await?;
        bar.draw(&sync.stats, sync.status);
        match sync.status {
            JobStatus::Completed => break sync,
            JobStatus::Queued | JobStatus::Running => {}
            JobStatus::Failed | JobStatus::Cancelled => {
                bail!(
                    "sync {sync_id} ended as {}{}",
                    sync.status,
                    because(&sync.error)
                );
            }
        }
        quiet
            .check(sync.fetched(), sync.status)
            .with_context(|| format!("sync {sync_id}"))?;
        tokio::time::sleep(POLL_EVERY).await;
    };
    bar.end();
    println!("\n{}", stats_table(&sync.stats));
    fact("pace", &per_second("records", sync.fetched(), sync.took()));
    println!();
    Ok(sync)
}

/// Exports the customers to a file of the api's own disk.
async fn export(client: &Client, patience: Duration) -> anyhow::Result<ExportRun> {
    let known: Vec<Export> = client.list("/exports").await?;
    let export = match known.into_iter().find(|it| it.name == EXPORT_NAME) {
        Some(export) => export,
        None => {
            let body = json!({
                "name": EXPORT_NAME,
                "format": "CSV",
                "entities": ["customers"],
                "destination": {"type": "LOCAL", "path": "demo"},
            });
            client.post("/exports", &body).await?
        }
    };
    let path = format!("/exports/{}/run", export.export_id);
    let run_id = client.post_or_attach(&path, &json!({}), "runId").await?;
    let path = format!("/exports/{}/runs/{run_id}", export.export_id);
    let mut quiet = Quiet::new(patience);
    let run: ExportRun = loop {
        let run: ExportRun = client.get(&path).await?;
        match run.status {
            JobStatus::Completed => break run,
            JobStatus::Queued | JobStatus::Running => {}
            JobStatus::Failed | JobStatus::Cancelled => {
                bail!(
                    "export run {run_id} ended as {}{}",
                    run.status,
                    because(&run.error)
                );
            }
        }
        quiet
            .check(run.rows, run.status)
            .with_context(|| format!("export run {run_id}"))?;
        tokio::time::sleep(POLL_EVERY).await;
    };
    ensure!(!run.files.is_empty(), "export run {run_id} names no file");
    fact("export", &format!("{}, run {run_id}", export.export_id));
    fact("pace", &per_second("rows", run.rows, run.took()));
    Ok(run)
}

/// Says where an exported file is and how large, having looked when it is within reach.
fn look_at(file: &ExportFile, options: &Options) -> anyhow::Result<String> {
    let Some(dir) = &options.export_dir else {
        return Ok(format!("{} ({})", file.path, megabytes(file.bytes)));
    };
    // An absolute path stays as it is.
    let path = dir.join(&file.path);
    let found = std::fs::metadata(&path)
        .with_context(|| format!("cannot find the exported file {}", path.display()))?;
    ensure!(
        found.len() == file.bytes,
        "{} has {} bytes, the run says {}",
        path.display(),
        found.len(),
        file.bytes
    );
    Ok(format!("{} ({})", path.display(), megabytes(file.bytes)))
}

fn because(error: &Option<answers::JobError>) -> String {
    error
        .as_ref()
        .map(|error| format!(": {error}"))
        .unwrap_or_default()
}

/// Notices when a job does not move any more.
struct Quiet {
    limit: Duration,
    since: Instant,
    seen: Option<(u64, JobStatus)>,
}

impl Quiet {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: Instant::now(),
            seen: None,
        }
    }

    fn check(&mut self, done: u64, status: JobStatus) -> anyhow::Result<()> {
        if self.seen != Some((done, status)) {
            self.seen = Some((done, status));
            self.since = Instant::now();
        }
        ensure!(
            self.since.elapsed() < self.limit,
            "is {status} and has not moved for {} s; is a worker running?",
            self.limit.as_secs()
        );
        Ok(())
    }
}
