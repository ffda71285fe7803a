//! From a commit to a receiver: syncs that do nothing start and complete at a steady rate, each on another connection, and
//! a webhook is told of both.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use poem::listener::TcpListener;
use poem::{EndpointExt, Route, Server, handler, post, web::Data};
use rail_shared::domain::{Clock, ConnectionId, JobKind, SyncMode, Tolerance, Trigger};
use rail_shared::queue::{Doorbell, PREFIX, Ring, Ringer};
use rail_shared::store::Store;
use rail_shared::store::syncs::{self, NewSync};
use serde_json::{Value, json};
use tokio::time::{interval, sleep};

use super::{age, connections, store, told};
use crate::cpu;
use crate::latency::Waits;
use crate::stage::{Stage, connect, free_address};

/// Each has one sync at a time.
const CONNECTIONS: usize = 1_000;
const DONE_WITHIN: Duration = Duration::from_secs(60);

type Heard = Arc<Mutex<Vec<Duration>>>;

#[handler]
#[allow(
    clippy::needless_pass_by_value,
    reason = "a handler is given what it reads"
)]
fn hear(Data(heard): Data<&Heard>, body: String) {
    let event: Value = serde_json::from_str(&body).unwrap_or_default();
    if let Ok(age) = age(&event) {
        heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(age);
    }
}

pub async fn measure(stage: &mut Stage, length: Duration, rate: u64) -> anyhow::Result<()> {
    let address = free_address()?;
    let heard: Heard = Arc::default();
    let receiver = Route::new().at("/", post(hear)).data(heard.clone());
    let receiving = tokio::spawn(Server::new(TcpListener::bind(address.to_string())).run(receiver));
    let body = json!({"url": format!("http://{address}/")}).to_string();
    let mut api = connect(stage.address).await?;
    let made = api.ask(&stage.request("POST", "/webhooks", &body)).await?;
    let made = made.expect(201)?.content()?;
    let webhook = made["webhookId"].as_str().context("a webhook's id")?;
    let look = stage.request("GET", &format!("/webhooks/{webhook}"), "");

    let store = store(stage, 4)?;
    let connections = connections(stage, &store, CONNECTIONS).await?;
    let worker = stage.start("worker", &["deliverer"])?;
    let ringer = Ringer::new(&Doorbell::new(stage.redis_url(), PREFIX)?);
    // Not measured: the first ones open connections.
    let warm_up = accept(
        stage,
        &store,
        &ringer,
        &connections,
        rate,
        Duration::from_secs(2),
    )
    .await?;
    wait(&mut api, &look, warm_up).await?;
    heard.lock().unwrap_or_else(PoisonError::into_inner).clear();

    let (ours, postgres) = (cpu::of(worker.pid()), stage.postgres_cpu());
    let begun = Instant::now();
    let events = accept(stage, &store, &ringer, &connections, rate, length).await?;
    wait(&mut api, &look, warm_up + events).await?;
    let took = begun.elapsed();
    let ours = cpu::of(worker.pid()) - ours;
    let postgres = stage.postgres_cpu() - postgres;
    receiving.abort();
    let mut waits = Waits::default();
    let ages = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ensure!(
        ages.len() as u64 == events,
        "{} of {events} events were heard",
        ages.len()
    );
    ages.into_iter().for_each(|age| waits.add(age));
    println!(
        "\n| syncs that do nothing, two events each | delivered/s | commit to receipt, p50 · p99 · max | worker CPU an event, jobs and all | Postgres |"
    );
    println!("|---|---|---|---|---|");
    println!(
        "| {rate} events/s for {:.0} s | {:.0} | {} | {:.0} µs | {:.0} µs |",
        length.as_secs_f64(),
        events as f64 / took.as_secs_f64(),
        told(&waits),
        ours.as_secs_f64() * 1e6 / events as f64,
        postgres.as_secs_f64() * 1e6 / events as f64,
    );
    Ok(())
}

/// Accepts syncs at half the rate, since each is two events; returns how many events that makes.
async fn accept(
    stage: &Stage,
    store: &Store,
    ringer: &Ringer,
    connections: &[ConnectionId],
    rate: u64,
    length: Duration,
) -> anyhow::Result<u64> {
    let entities = ["customers".to_owned()];
    let (begun, mut events) = (Instant::now(), 0);
    let mut ticks = interval(Duration::from_secs(2) / u32::try_from(rate)?);
    for connection in connections.iter().cycle() {
        if begun.elapsed() >= length {
            break;
        }
        ticks.tick().await;
        let new = NewSync {
            tenant_id: stage.tenant.into(),
            connection_id: *connection,
            mode: SyncMode::Full,
            date_range: None,
            tolerance: Tolerance::default(),
            targets: None,
            entities: &entities,
            trigger: Trigger::Request,
            created_at: Clock::system().now(),
        };
        let mut conn = store.connect().await?;
        if let Some(sync) = syncs::accept_unless_active(&mut conn, &new).await? {
            ringer.ring(JobKind::Sync, Ring::new(sync.into(), new.tenant_id, 0));
            events += 2;
        }
    }
    Ok(events)
}

async fn wait(api: &mut crate::client::Line, look: &[u8], sequence: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let row = api.ask(look).await?.expect(200)?.content()?;
        if row["sequence"].as_u64() >= Some(sequence) {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < DONE_WITHIN,
            "it is told too slowly: {row}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}
