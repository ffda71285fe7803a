//! Events: what it costs to append one, how soon a receiver has it, and what a thousand readers of the stream cost.

mod append;
mod deliver;
mod stream;

use std::time::Duration;

use anyhow::Context;
use rail_shared::domain::{ConnectionId, ConnectionStatus, TenantId, Tolerance};
use rail_shared::secrets::SecretString;
use rail_shared::store::connections::{self, NewConnection};
use rail_shared::store::{Store, api_keys};
use serde_json::{Value, json};

use crate::latency::Waits;
use crate::stage::{Servers, Stage};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Wanted {
    #[command(flatten)]
    servers: Servers,
    /// How long each part goes on, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Events a second that a receiver is told.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    /// Readers of the stream.
    #[arg(long, default_value_t = 1_000)]
    readers: usize,
}

/// Measures and prints.
pub async fn measure(wanted: &Wanted) -> anyhow::Result<()> {
    let own = [("RAIL_WEBHOOK_NETWORKS", "127.0.0.1".to_owned())];
    let length = Duration::from_secs(wanted.seconds);
    append::measure(&mut Stage::set(&wanted.servers, 1, &own).await?, length).await?;
    let mut stage = Stage::set(&wanted.servers, 2, &own).await?;
    deliver::measure(&mut stage, length, wanted.rate).await?;
    let mut stage = Stage::set(&wanted.servers, 3, &own).await?;
    stream::measure(&mut stage, length, wanted.readers).await
}

fn store(stage: &Stage, connections: usize) -> anyhow::Result<Store> {
    Ok(Store::new(
        &SecretString::from(stage.url.clone()),
        connections,
    )?)
}

async fn tenants(store: &Store, count: usize) -> anyhow::Result<Vec<TenantId>> {
    let mut conn = store.connect().await?;
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(api_keys::ensure_tenant(&mut conn, &format!("tenant {number}")).await?);
    }
    Ok(ids)
}

/// Connections that nobody uses: events are on them.
async fn connections(
    stage: &Stage,
    store: &Store,
    count: usize,
) -> anyhow::Result<Vec<ConnectionId>> {
    let mut transaction = store.begin().await?;
    let mut ids = Vec::new();
    for _ in 0..count {
        let new = NewConnection {
            id: ConnectionId::new(),
            tenant_id: stage.tenant.into(),
            connector_id: "stripe",
            name: "Measured",
            status: ConnectionStatus::Active,
            status_reason: None,
            sealed_credentials: &[],
            sealed_by: "nobody",
            settings: &json!({}),
            sync_interval: None,
            auto_sync: false,
            tolerance: Tolerance::default(),
            created_at: rail_shared::domain::Clock::system().now(),
        };
        ids.push(connections::create(&mut transaction, &new).await?.id);
    }
    transaction.commit().await?;
    Ok(ids)
}

/// How long ago an event says that it happened: its time is taken just before its commit, so that the commit counts.
fn age(event: &Value) -> anyhow::Result<Duration> {
    let at = event["timestamp"].as_str().context("a timestamp")?;
    let at: chrono::DateTime<chrono::Utc> = at.parse()?;
    let now = rail_shared::domain::Clock::system().now();
    Ok((now - at).to_std().unwrap_or_default())
}

fn told(waits: &Waits) -> String {
    let ms = |of_hundred| {
        let wait = waits.percentile(of_hundred);
        wait.map_or("–".to_owned(), |wait| {
            format!("{:.1}", wait.as_secs_f64() * 1_000.0)
        })
    };
    format!("{} · {} · {} ms", ms(50), ms(99), ms(100))
}
