//! Many readers of one tenant's stream.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::ensure;
use rail_shared::domain::EventType;
use rail_shared::store::events::{self, NewEvent};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::interval;
use uuid::Uuid;

use super::{age, store, told};
use crate::latency::Waits;
use crate::stage::Stage;
use crate::{cpu, memory};

type Ages = Arc<Mutex<Vec<Duration>>>;

const RATE: u64 = 50;
const DONE_WITHIN: Duration = Duration::from_secs(30);

pub async fn measure(stage: &mut Stage, length: Duration, readers: usize) -> anyhow::Result<()> {
    let store = store(stage, 2)?;
    let request = stage.request("GET", "/events/stream?after=0", "");
    let before = memory::now_kib(stage.api_pid())?;
    let (heard, ages) = (Arc::new(AtomicU64::new(0)), Ages::default());
    let mut reading = Vec::new();
    for number in 0..readers {
        let mut line = TcpStream::connect(stage.address).await?;
        line.write_all(&request).await?;
        // To read what each event says would cost more than all of the api: a few do.
        let watches = number % 100 == 0;
        let ages = watches.then(|| ages.clone());
        reading.push(tokio::spawn(read(line, heard.clone(), ages)));
    }
    let (cpu, mut count) = (cpu::of(stage.api_pid()), 0);
    let begun = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(RATE)?);
    while begun.elapsed() < length {
        ticks.tick().await;
        let new = NewEvent {
            tenant_id: stage.tenant.into(),
            connection_id: None,
            event_type: EventType::SyncFailed,
            subject_id: Uuid::now_v7(),
        };
        let mut transaction = store.begin().await?;
        events::append(&mut transaction, &[new]).await?;
        transaction.commit().await?;
        count += 1;
    }
    let (all, written) = (count * readers as u64, Instant::now());
    while heard.load(Ordering::Relaxed) < all {
        let seen = heard.load(Ordering::Relaxed);
        ensure!(
            written.elapsed() < DONE_WITHIN,
            "{seen} of {all} were heard"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let spent = cpu::of(stage.api_pid()) - cpu;
    let after = memory::now_kib(stage.api_pid())?;
    let mut waits = Waits::default();
    reading.iter().for_each(tokio::task::JoinHandle::abort);
    let ages = ages.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ages.into_iter().for_each(|age| waits.add(age));
    println!(
        "\n| readers of one stream | events/s to each | lag p50 · p99 · max | api memory before · with them | api CPU an event and reader |"
    );
    println!("|---|---|---|---|---|");
    println!(
        "| {readers} | {RATE} | {} | {} · {} MB | {:.1} µs |",
        told(&waits),
        before / 1_024,
        after / 1_024,
        spent.as_secs_f64() * 1e6 / all as f64,
    );
    Ok(())
}

/// Counts events until it is aborted; with `ages`, it also reads how old each is.
async fn read(mut line: TcpStream, heard: Arc<AtomicU64>, ages: Option<Ages>) {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 16 * 1_024]);
    while let Ok(read) = line.read(&mut chunk).await {
        if read == 0 {
            return;
        }
        kept.extend_from_slice(&chunk[..read]);
        let Some(end) = kept.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        let lines = kept[..end].split(|byte| *byte == b'\n');
        let bodies: Vec<&[u8]> = lines
            .filter_map(|line| line.strip_prefix(b"data: "))
            .collect();
        if let Some(ages) = &ages {
            let read = |body: &&[u8]| age(&serde_json::from_slice::<Value>(body).ok()?).ok();
            let seen = bodies.iter().filter_map(read);
            ages.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(seen);
        }
        heard.fetch_add(bodies.len() as u64, Ordering::Relaxed);
        kept.drain(..=end);
    }
}
