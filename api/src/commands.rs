//! What each command does.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use rail_api::{Api, DEFAULT_TENANT};
use rail_shared::config::{self, Environment};
use rail_shared::connectors::{Catalogue, Connector};
use rail_shared::domain::{Clock, KeyId, Scope};
use rail_shared::secrets::ApiKey;
use rail_shared::store::{self, Store, api_keys, wrapping};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::Settings;

#[derive(Debug, Subcommand)]
pub enum ConnectorCommand {
    /// List the catalogue, with the connectors in RAIL_CONNECTORS_DIR.
    List,
    /// Check connector files: name every fault with its line, or what was understood.
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the JSON Schema of connector files.
    Schema,
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it: it cannot be shown again.
    Create {
        /// What to call it.
        #[arg(long)]
        name: String,
        /// What it may do: read, write, admin; repeat for several.
        #[arg(long = "scope", required = true)]
        scopes: Vec<Scope>,
        /// Whose it is.
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
    },
    /// List the keys of a tenant; never the keys themselves.
    List {
        /// Whose.
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
    },
    /// Revoke a key.
    Revoke {
        /// Its id, key_….
        key_id: KeyId,
        /// Whose it is.
        #[arg(long, default_value = DEFAULT_TENANT)]
        tenant: String,
    },
}

/// Answers requests until a signal; a second one ends the process at once.
pub async fn serve(settings: Settings, migrate: bool) -> anyhow::Result<()> {
    let Settings {
        log: _,
        shared,
        api: config,
        key_ring,
    } = settings;
    let listener = TcpListener::bind(config.bind)
        .await
        .with_context(|| format!("RAIL_BIND: cannot listen at {}", config.bind))?;
    let stop = stop_on_signal()?;
    let api = Api::new(&shared, key_ring, &config.public_url, Clock::system())?;
    let migrating = migrate.then(|| shared.database_url.clone());
    let preparing = tokio::spawn(rail_api::prepare(
        api.store.clone(),
        migrating,
        config.bootstrap_key,
    ));
    tracing::info!(address = %listener.local_addr()?, url = config.public_url, "listening");
    let served = rail_api::serve(listener, api, stop.cancelled_owned()).await;
    preparing.abort();
    tracing::info!("stopped");
    Ok(served?)
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
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
            tracing::info!("stopping: requests in flight are finished first");
            stopping.cancel();
        }
    });
    Ok(stop)
}

/// Brings the schema up to date.
pub async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let ran = store::migrate(&settings.shared.database_url).await?;
    for name in &ran {
        println!("migrated {name}");
    }
    if ran.is_empty() {
        println!("the schema is up to date");
    }
    let store = Store::new(&settings.shared.database_url, 1)?;
    rail_api::prepare(store, None, settings.api.bootstrap_key.clone()).await;
    Ok(())
}

/// Makes, lists and revokes keys.
pub async fn keys(settings: &Settings, command: KeyCommand) -> anyhow::Result<()> {
    let store = Store::new(&settings.shared.database_url, 1)?;
    let mut conn = store.connect().await?;
    match command {
        KeyCommand::Create {
            name,
            scopes,
            tenant,
        } => {
            let tenant = api_keys::ensure_tenant(&mut conn, &tenant).await?;
            let key = ApiKey::generate();
            let id = api_keys::ensure(&mut conn, tenant, &name, &key.digest(), &scopes).await?;
            eprintln!("{id}, shown this once:");
            println!("{}", key.reveal());
        }
        KeyCommand::List { tenant } => {
            let tenant = api_keys::ensure_tenant(&mut conn, &tenant).await?;
            for row in api_keys::list(&mut conn, tenant).await? {
                let state = if row.revoked_at.is_some() {
                    "revoked"
                } else {
                    "active"
                };
                println!(
                    "{}  {state:<7}  {:<16}  {}",
                    row.id,
                    row.scopes.join(","),
                    row.name
                );
            }
        }
        KeyCommand::Revoke { key_id, tenant } => {
            let tenant = api_keys::ensure_tenant(&mut conn, &tenant).await?;
            if !api_keys::revoke(&mut conn, tenant, key_id).await? {
                bail!("there is no key {key_id} that is not revoked");
            }
            println!("revoked {key_id}");
        }
    }
    Ok(())
}

/// Prints how much each master key wraps.
pub async fn master_keys(settings: &Settings) -> anyhow::Result<()> {
    let store = Store::new(&settings.shared.database_url, 1)?;
    let uses = wrapping::uses(&mut *store.connect().await?).await?;
    let of = |key: &str| uses.iter().find(|of| of.key == key);
    let ring = settings.key_ring.ids().enumerate();
    let states = ring.map(|(at, key)| match (at, of(key)) {
        (0, _) => (key, "seals"),
        (_, None) => (key, "not needed"),
        (_, Some(_)) => (key, "opens"),
    });
    let is_missing = |key: &str| !settings.key_ring.ids().any(|known| known == key);
    let missing = uses.iter().filter(|of| is_missing(&of.key));
    let states: Vec<_> = states
        .chain(missing.map(|of| (of.key.as_str(), "MISSING")))
        .collect();
    println!(
        "{:<16} {:<10} {:>10} {:>10}",
        "key", "", "secrets", "answers"
    );
    for (key, state) in states {
        let (kept, passing) = of(key).map_or((0, 0), |of| (of.kept, of.passing));
        println!("{key:<16} {state:<10} {kept:>10} {passing:>10}");
    }
    Ok(())
}

/// Prints the catalogue.
fn list_connectors(env: &Environment) -> anyhow::Result<()> {
    let folder = config::connectors_dir(env)?;
    let catalogue = Catalogue::read_once(&BTreeMap::new(), folder.as_deref())?;
    for connector in catalogue.connectors().iter() {
        let (status, category) = (connector.status().as_str(), connector.category().as_str());
        println!(
            "{:<16} {status:<10} {category:<12} {}",
            connector.id(),
            connector.name()
        );
    }
    Ok(())
}

/// Says every fault of each of these files, or what was understood of it.
fn check_connectors(files: &[PathBuf]) -> anyhow::Result<()> {
    let mut bad = 0;
    for path in files {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        match Connector::check(&text) {
            Ok(connector) => {
                let (id, name) = (connector.id(), connector.name());
                println!("{}: {id} ({name}), {}", path.display(), connector.status());
                for line in connector.summary() {
                    println!("  {line}");
                }
            }
            Err(invalid) => {
                bad += 1;
                eprintln!("{}", invalid.told(path));
            }
        }
    }
    if bad > 0 {
        bail!("{bad} of {} files cannot be used", files.len());
    }
    Ok(())
}

/// What needs neither database nor settings.
pub fn connectors(command: &ConnectorCommand, env: &Environment) -> anyhow::Result<()> {
    match command {
        ConnectorCommand::List => list_connectors(env),
        ConnectorCommand::Check { files } => check_connectors(files),
        ConnectorCommand::Schema => {
            print!("{}", rail_shared::connectors::schema_text());
            Ok(())
        }
    }
}
