//! How soon the work of a job begins, one job at a time.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rail_shared::domain::RunId;
use tokio::net::UnixDatagram;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::client::Line;
use crate::stage::Stage;

const JOBS: usize = 500;
const WARM_UP: usize = 100;
/// Between two jobs, so that everything is idle again.
const REST: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits, in order of their length.
#[derive(Debug, Clone, Default)]
pub struct Waits(Vec<Duration>);

impl Waits {
    /// The wait that so many of a hundred do not exceed.
    pub fn percentile(&self, of_hundred: usize) -> Option<Duration> {
        let at = (self.0.len() * of_hundred).div_ceil(100).max(1) - 1;
        self.0.get(at).copied()
    }

    /// One more.
    pub fn add(&mut self, wait: Duration) {
        let at = self.0.partition_point(|other| *other <= wait);
        self.0.insert(at, wait);
    }
}

/// Counted in the driver's clock: the worker sends one datagram as the work begins, after which nothing of the way to it
/// is left to be slowed.
#[derive(Debug, Clone, Default)]
pub struct Latency {
    /// From the sending of the POST to the beginning of the work.
    pub from_post: Waits,
    /// From the receipt of the 202; zero where the work had begun by then.
    pub from_accepted: Waits,
    /// From the sending of the POST until a GET says COMPLETED.
    pub to_readable: Waits,
}

pub async fn measure(stage: &Stage) -> anyhow::Result<Latency> {
    let path = stage.socket();
    let _ = std::fs::remove_file(&path);
    let told = UnixDatagram::bind(&path)?;
    let _worker = stage.start_worker(Some(&path))?;
    let (hear, mut heard) = mpsc::unbounded_channel();
    let hearing = tokio::spawn(async move {
        let mut job_id = [0; 16];
        while told.recv(&mut job_id).await.is_ok() {
            // The work may begin before the 202 is here.
            let _ = hear.send((Uuid::from_bytes(job_id), Instant::now()));
        }
    });
    let mut line = Line::connect(stage.address).await?;
    let mut latency = Latency::default();
    for turn in 0..WARM_UP + JOBS {
        let sent = Instant::now();
        let answer = line.ask(&stage.post).await?.expect(202)?;
        let accepted = Instant::now();
        let content = answer.content()?;
        let run_id = content["runId"].as_str().context("a run's id")?;
        let job_id = run_id.parse::<RunId>()?.uuid();
        let begun = timeout(PATIENCE, async {
            loop {
                // Others may have waited already.
                match heard.recv().await {
                    Some((id, begun)) if id == job_id => break Some(begun),
                    Some(_) => {}
                    None => break None,
                }
            }
        });
        let begun = begun
            .await
            .ok()
            .flatten()
            .context("a job that does not begin")?;
        let readable = completed(&mut line, &stage.get(run_id)).await?;
        if turn >= WARM_UP {
            latency.from_post.add(begun - sent);
            latency
                .from_accepted
                .add(begun.saturating_duration_since(accepted));
            latency.to_readable.add(readable - sent);
        }
        sleep(REST).await;
    }
    hearing.abort();
    Ok(latency)
}

async fn completed(line: &mut Line, get: &[u8]) -> anyhow::Result<Instant> {
    let asked = Instant::now();
    while asked.elapsed() < PATIENCE {
        let answer = line.ask(get).await?.expect(200)?;
        let at = Instant::now();
        if answer.content()?["status"] == "COMPLETED" {
            return Ok(at);
        }
        sleep(Duration::from_millis(1)).await;
    }
    bail!("a job does not complete")
}
