//! The programs that are measured, as the product starts them.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, anyhow};
use futures::FutureExt;
use futures::future::BoxFuture;
use poem::listener::TcpAcceptor;
use rail_api::Api;
use rail_shared::config::{self, ApiConfig, Environment, LogConfig, SharedConfig, WorkerConfig};
use rail_shared::domain::{Clock, JobKind};
use rail_shared::store::Store;
use rail_shared::telemetry::{self, Logging};
use rail_worker::Worker;
use rail_worker::runtime::{Attempt, Outcome, Work};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::bare;

/// The product's api, until it is killed.
pub async fn api() -> anyhow::Result<()> {
    let (env, shared, _logging) = begin()?;
    let own = ApiConfig::from_env(&env)?;
    let listener = TcpListener::bind(own.bind).await?;
    let key_ring = config::key_ring(&env)?;
    let api = Api::new(&shared, key_ring, &own.public_url, Clock::system())?;
    Ok(rail_api::serve(listener, api, std::future::pending()).await?)
}

/// The product's worker as it is, until it is killed.
pub async fn syncer() -> anyhow::Result<()> {
    let (env, shared, _logging) = begin()?;
    let worker = Worker::new(
        &shared,
        WorkerConfig::from_env(&env)?,
        config::key_ring(&env)?,
    )?;
    worker.run(CancellationToken::new()).await;
    Ok(())
}

/// The product's worker whose work is nothing, until it is killed.
pub async fn worker(tell: Option<&Path>) -> anyhow::Result<()> {
    let (env, shared, _logging) = begin()?;
    let settings = WorkerConfig::from_env(&env)?;
    let mut worker = Worker::new(&shared, settings, config::key_ring(&env)?)?;
    worker.work = nothing;
    if let Some(path) = tell {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path).context("nobody listens to be told")?;
        LISTENER
            .set(socket)
            .map_err(|_| anyhow!("there is one listener"))?;
        worker.work = tell_and_nothing;
    }
    worker.run(CancellationToken::new()).await;
    Ok(())
}

/// The product's worker whose syncs and exports are nothing, and whose deliveries are as they are, until it is killed.
pub async fn deliverer() -> anyhow::Result<()> {
    let (env, shared, _logging) = begin()?;
    let settings = WorkerConfig::from_env(&env)?;
    let mut worker = Worker::new(&shared, settings, config::key_ring(&env)?)?;
    REAL.set(worker.work)
        .map_err(|_| anyhow!("there is one worker"))?;
    worker.work = only_deliveries;
    worker.run(CancellationToken::new()).await;
    Ok(())
}

/// The bare handler, with the api's settings, until it is killed.
pub async fn bare() -> anyhow::Result<()> {
    let (env, shared, _logging) = begin()?;
    let listener = TcpListener::bind(ApiConfig::from_env(&env)?.bind).await?;
    let store = Store::new(&shared.database_url, shared.db_connections)?;
    poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?)
        .run(bare::app(store))
        .await?;
    Ok(())
}

fn begin() -> anyhow::Result<(Environment, SharedConfig, Logging)> {
    let env = Environment::process();
    let log = LogConfig::from_env(&env)?;
    let logging = telemetry::start(&log.filter, log.format).map_err(|error| anyhow!(error))?;
    let shared = SharedConfig::from_env(&env)?;
    Ok((env, shared, logging))
}

fn nothing(_: &Attempt) -> BoxFuture<'_, Option<Outcome>> {
    std::future::ready(Some(Outcome::Done)).boxed()
}

/// The work that is not left out.
static REAL: OnceLock<Work> = OnceLock::new();

fn only_deliveries(attempt: &Attempt) -> BoxFuture<'_, Option<Outcome>> {
    match REAL.get() {
        Some(work) if attempt.lease.kind == JobKind::Delivery => work(attempt),
        _ => nothing(attempt),
    }
}

/// Work is a plain function: what it tells has to be found somewhere.
static LISTENER: OnceLock<UnixDatagram> = OnceLock::new();

fn tell_and_nothing(attempt: &Attempt) -> BoxFuture<'_, Option<Outcome>> {
    if let Some(listener) = LISTENER.get() {
        // A listener that is full or gone only loses a figure.
        let _ = listener.send(attempt.lease.job_id.uuid().as_bytes());
    }
    nothing(attempt)
}
