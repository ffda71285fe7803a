//! Settings: from the environment only, read once, here. A bad or missing value names its variable.

#[cfg(feature = "failpoints")]
mod crashing;
mod outputs;
mod reading;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "failpoints")]
pub use crashing::crash_at_step;
pub use outputs::{AzureConfig, OutputConfig, S3Config};
pub use reading::{ConfigError, Environment};
use secrecy::SecretString;
use url::Url;

use crate::budget::{PROCESSES, RateSettings};
use crate::http::Networks;
use crate::secrets::{KeyRing, References};
use crate::telemetry::LogFormat;

/// Every variable and what it means, for `--help`.
pub const VARIABLES: &str = "\
Environment (a bad or missing value names the variable and refuses to start):
  DATABASE_URL                     required  Postgres, for example postgres://rail@127.0.0.1:5432/rail
  REDIS_URL                        required  Redis, for example redis://127.0.0.1:6379/0
  RAIL_MASTER_KEYS                 required  id:base64,… of 32 random bytes each; the first seals, all open
  RAIL_BIND                        127.0.0.1:8080, where the api listens
  RAIL_PUBLIC_URL                  http://<RAIL_BIND>, how callers reach the api
  RAIL_BOOTSTRAP_API_KEY           a first key with all scopes for the tenant \"default\", made at start
  RAIL_EXPORT_DIR                  allowed root of LOCAL destinations; without it there are none
  RAIL_S3_REGION                   us-east-1
  RAIL_S3_ENDPOINT                 an S3-compatible store instead of AWS
  RAIL_S3_ACCESS_KEY_ID            with RAIL_S3_SECRET_ACCESS_KEY: who S3 destinations write as
  RAIL_S3_SECRET_ACCESS_KEY
  RAIL_AZURE_ACCOUNT               with RAIL_AZURE_ACCOUNT_KEY: the storage account that AZURE_BLOB destinations write to
  RAIL_AZURE_ACCOUNT_KEY
  RAIL_AZURE_ENDPOINT              another cloud or an emulator instead of https://<account>.blob.core.windows.net
  RAIL_CONNECTOR_<ID>_BASE_URL     where a connector's vendor is reached, for example RAIL_CONNECTOR_STRIPE_BASE_URL
  RAIL_CONNECTORS_DIR              a folder of connectors of your own, one .toml file each (docs/adding-a-connector.md)
  RAIL_CONNECTOR_<ID>_RATE         how many requests its vendor gets: off, a part of what the connector's file says (50%),
                                   or limits by their names (minute=300,day=10000)
  RAIL_RATE_PROCESSES              4, how many processes share a vendor's rate while Redis is away (1 to 1000)
  RAIL_SECRET_REF_PREFIX           IOF_CONNECTOR_, which variables ${…} in credentials may name
  RAIL_WORKER_SYNCS                8, syncs a worker runs at once
  RAIL_WORKER_EXPORTS              2, exports a worker runs at once
  RAIL_WORKER_DELIVERIES           64, webhooks a worker serves at once
  RAIL_WORKER_LEASE                15s, how long a worker that died keeps its jobs (5s to 10m)
  RAIL_EVENTS_KEPT                 30d, how long events and attempts at webhooks are kept (1d to 3650d)
  RAIL_WEBHOOK_NETWORKS            networks beside the internet that webhooks may reach (10.0.0.0/8,127.0.0.1); in these
                                   also by http
  RAIL_EXPORT_RUNS_KEPT            90d, how long runs of exports are remembered after they ended (1d to 9999d, or forever);
                                   their files stay
  RAIL_DB_CONNECTIONS              16, connections of this process to Postgres (a worker takes more where its slots need them)
  RAIL_LOG                         info, in the form of RUST_LOG
  RAIL_LOG_FORMAT                  text or json";

/// What both programs need.
#[derive(Debug, Clone)]
pub struct SharedConfig {
    /// Postgres.
    pub database_url: SecretString,
    /// Connections of this process to it.
    pub db_connections: usize,
    /// Redis.
    pub redis_url: SecretString,
    /// Operator's overrides of connectors' base URLs, by connector id.
    pub connector_base_urls: BTreeMap<String, String>,
    /// The operator's folder of connectors.
    pub connectors_dir: Option<PathBuf>,
    /// How many requests vendors get.
    pub rates: RateSettings,
    /// What credentials may refer to.
    pub references: References,
    /// Where exports may go.
    pub outputs: OutputConfig,
    /// Networks that webhooks may reach beside public addresses.
    pub webhook_networks: Networks,
}

/// What the api needs beside.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Where it listens.
    pub bind: SocketAddr,
    /// How callers reach it; without a slash at the end.
    pub public_url: String,
    /// A first key for the tenant "default".
    pub bootstrap_key: Option<SecretString>,
}

/// What a worker needs beside.
#[derive(Debug, Clone, Copy)]
pub struct WorkerConfig {
    /// Syncs at once.
    pub syncs: usize,
    /// Exports at once.
    pub exports: usize,
    /// Webhooks at once.
    pub deliveries: usize,
    /// How long a lease lasts between two renewals.
    pub lease: Duration,
    /// How many days events and attempts at webhooks are kept.
    pub events_kept_days: i32,
    /// How long runs of exports are remembered after they ended; `None` for ever.
    pub runs_kept: Option<Duration>,
}

/// How to log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// In the form of `RUST_LOG`.
    pub filter: String,
    /// For people or machines.
    pub format: LogFormat,
}

impl LogConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Every variable that is bad.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let mut read = env.read();
        let filter = read.text("RAIL_LOG").unwrap_or_else(|| "info".to_owned());
        let format = read.parsed("RAIL_LOG_FORMAT", "text or json", |text| match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        });
        read.done(|| Self {
            filter,
            format: format.unwrap_or(LogFormat::Text),
        })
    }
}

impl SharedConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Every variable that is missing or bad.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let mut read = env.read();
        let database_url = read.url("DATABASE_URL", &["postgres", "postgresql"]);
        let redis_url = read.url("REDIS_URL", &["redis"]);
        let db_connections =
            read.parsed("RAIL_DB_CONNECTIONS", "a number from 1 to 1000", |text| {
                text.parse().ok().filter(|n| (1..=1000).contains(n))
            });
        let outputs = OutputConfig::read(&mut read);
        let connector_base_urls = read.connector_base_urls();
        let connectors_dir = read.absolute_path("RAIL_CONNECTORS_DIR");
        let processes = read.parsed("RAIL_RATE_PROCESSES", "a number from 1 to 1000", |text| {
            text.parse().ok().filter(|n| (1..=1000).contains(n))
        });
        let rates = RateSettings {
            connectors: read.connector_rates(),
            processes: processes.unwrap_or(PROCESSES),
        };
        let webhook_networks = read.parsed(
            "RAIL_WEBHOOK_NETWORKS",
            "networks and addresses with commas between them, for example 10.0.0.0/8,127.0.0.1",
            |text| Networks::parse(text).ok(),
        );
        let prefix = read
            .text("RAIL_SECRET_REF_PREFIX")
            .unwrap_or_else(|| "IOF_CONNECTOR_".to_owned());
        let references = References::new(prefix, env.all());
        read.done_with(|| {
            Some(Self {
                database_url: database_url?,
                db_connections: db_connections.unwrap_or(16),
                redis_url: redis_url?,
                connector_base_urls,
                connectors_dir,
                rates,
                references,
                outputs,
                webhook_networks: webhook_networks.unwrap_or_default(),
            })
        })
    }
}

/// The operator's folder of connectors, alone.
///
/// # Errors
/// When `RAIL_CONNECTORS_DIR` is bad.
pub fn connectors_dir(env: &Environment) -> Result<Option<PathBuf>, ConfigError> {
    let mut read = env.read();
    let folder = read.absolute_path("RAIL_CONNECTORS_DIR");
    read.done(|| folder)
}

/// Reads the master keys.
///
/// # Errors
/// When `RAIL_MASTER_KEYS` is missing or bad.
pub fn key_ring(env: &Environment) -> Result<KeyRing, ConfigError> {
    let mut read = env.read();
    let ring = match read.required("RAIL_MASTER_KEYS") {
        Some(text) => match KeyRing::parse(&text) {
            Ok(ring) => Some(ring),
            Err(error) => read.fault("RAIL_MASTER_KEYS", &error.to_string()),
        },
        None => None,
    };
    read.done_with(|| ring)
}

impl ApiConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Every variable that is bad.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let mut read = env.read();
        let bind = read
            .parsed(
                "RAIL_BIND",
                "an address and a port, for example 127.0.0.1:8080",
                |text| text.parse().ok(),
            )
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let public_url = read
            .parsed(
                "RAIL_PUBLIC_URL",
                "a URL that begins with http:// or https://",
                web_url,
            )
            .map_or_else(
                || format!("http://{bind}"),
                |url| url.as_str().trim_end_matches('/').to_owned(),
            );
        let bootstrap_key = read.parsed(
            "RAIL_BOOTSTRAP_API_KEY",
            "a key of at least 24 characters",
            |text| (text.len() >= 24).then(|| SecretString::from(text)),
        );
        read.done(|| Self {
            bind,
            public_url,
            bootstrap_key,
        })
    }
}

/// A quarter of a year, where nothing else is said.
const RUNS_KEPT: Duration = Duration::from_hours(24 * 90);

impl WorkerConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Every variable that is bad.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let mut read = env.read();
        let mut slots = |name, otherwise| {
            read.parsed(name, "a number from 1 to 1000", |text| {
                text.parse().ok().filter(|n| (1..=1000).contains(n))
            })
            .unwrap_or(otherwise)
        };
        let (syncs, exports, deliveries) = (
            slots("RAIL_WORKER_SYNCS", 8),
            slots("RAIL_WORKER_EXPORTS", 2),
            slots("RAIL_WORKER_DELIVERIES", 64),
        );
        let events_kept_days = read
            .parsed("RAIL_EVENTS_KEPT", "days from 1d to 3650d", |text| {
                let days: i32 = text.strip_suffix('d')?.parse().ok()?;
                (1..=3_650).contains(&days).then_some(days)
            })
            .unwrap_or(30);
        let lease = read
            .parsed("RAIL_WORKER_LEASE", "a time from 5s to 10m", |text| {
                let (digits, seconds) = match text.strip_suffix('s') {
                    Some(digits) => (digits, 1),
                    None => (text.strip_suffix('m')?, 60),
                };
                let lease = digits.parse::<u64>().ok()?.checked_mul(seconds)?;
                (5..=600)
                    .contains(&lease)
                    .then(|| Duration::from_secs(lease))
            })
            .unwrap_or(Duration::from_secs(15));
        let kept = "days from 1d to 9999d, or forever";
        let runs_kept = read
            .parsed("RAIL_EXPORT_RUNS_KEPT", kept, |text| {
                if text == "forever" {
                    return Some(None);
                }
                let days: u64 = text.strip_suffix('d')?.parse().ok()?;
                (1..=9_999)
                    .contains(&days)
                    .then(|| Some(Duration::from_hours(24 * days)))
            })
            .unwrap_or(Some(RUNS_KEPT));
        read.done(|| Self {
            syncs,
            exports,
            deliveries,
            lease,
            events_kept_days,
            runs_kept,
        })
    }
}

fn web_url(text: &str) -> Option<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests;
