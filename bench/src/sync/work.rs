//! Connections to the vendor, workers, and what a round of syncs costs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::time::sleep;

use super::vendor::ENTITIES;
use crate::client::Line;
use crate::stage::{Program, Servers, Stage, connect, free_address};
use crate::{cpu, memory, peers};

const LOAD: &str = include_str!("../../peers/sync/dlt_load.py");

const LOOK_EVERY: Duration = Duration::from_millis(25);

/// What something cost.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub records: usize,
    pub wall: Duration,
    /// Of the workers, or of the client of plain SQL.
    pub ours: Duration,
    pub postgres: Duration,
    pub vendor: Duration,
    pub wal_bytes: u64,
    /// Of the worker that took most.
    pub peak_kib: Option<u64>,
}

/// Everything that a round of syncs needs.
pub struct Syncs {
    pub stage: Stage,
    vendor: std::net::SocketAddr,
    vendor_program: Program,
    workers: Vec<Program>,
    connections: Vec<String>,
    records: usize,
    api: Line,
}

impl Syncs {
    pub async fn begin(
        servers: &Servers,
        number: usize,
        records: usize,
        latency: Duration,
        connections: usize,
        workers: usize,
    ) -> anyhow::Result<Self> {
        let vendor = free_address()?;
        let own = [
            ("RAIL_CONNECTOR_STRIPE_BASE_URL", format!("http://{vendor}")),
            // The sandbox bears more than Stripe does.
            ("RAIL_CONNECTOR_STRIPE_RATE", "10000%".to_owned()),
            ("RAIL_WORKER_SYNCS", connections.clamp(8, 64).to_string()),
        ];
        let mut stage = Stage::set(servers, number, &own).await?;
        let (port, held, wait) = (
            vendor.port().to_string(),
            records.to_string(),
            latency.as_millis().to_string(),
        );
        let arguments = [
            "vendor",
            "--port",
            &port,
            "--records",
            &held,
            "--latency-ms",
            &wait,
        ];
        let program = stage.start("vendor", &arguments)?;
        connect(vendor).await?;
        let mut syncs = Self {
            api: Line::connect(stage.address).await?,
            vendor,
            vendor_program: program,
            workers: Vec::new(),
            connections: Vec::new(),
            records: records * connections,
            stage,
        };
        for _ in 0..connections {
            syncs.connect().await?;
        }
        stage = syncs.stage;
        for worker in 0..workers {
            syncs
                .workers
                .push(stage.start(&format!("worker-{worker}"), &["syncer"])?);
        }
        stage.settle_down().await?;
        syncs.stage = stage;
        Ok(syncs)
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        let body = json!({
            "connectorId": "stripe", "name": "Measured", "credentials": {"apiKey": "sk_test_measured"}
        });
        let create = self
            .stage
            .request("POST", "/connections", &body.to_string());
        let made = self.api.ask(&create).await?.expect(201)?.content()?;
        let id = made["connectionId"].as_str().context("a connection's id")?;
        self.connections.push(id.to_owned());
        Ok(())
    }

    /// Changes one in so many of the vendor's records.
    pub async fn change(&mut self, one_in: usize) -> anyhow::Result<()> {
        let change = crate::client::request("POST", &format!("/change/{one_in}"), "-", "");
        let mut line = connect(self.vendor).await?;
        line.ask(&change).await?.expect(200)?;
        Ok(())
    }

    /// How long the vendor takes for a page when it is asked for nothing else.
    pub async fn a_page_alone(&mut self) -> anyhow::Result<Duration> {
        const PAGES: u32 = 20;
        let ask = crate::client::request("GET", "/v1/customers", "-", "");
        let mut line = connect(self.vendor).await?;
        let begun = Instant::now();
        for _ in 0..PAGES {
            line.ask(&ask).await?.expect(200)?;
        }
        Ok(begun.elapsed() / PAGES)
    }

    /// Has dlt load the customers.
    pub async fn loaded_by_dlt(&mut self, python: &Path) -> anyhow::Result<Measured> {
        let mut peak_kib = 0;
        let spent = self.measured(async |syncs| {
            let vendor = format!("http://{}", syncs.vendor);
            let folder = syncs.stage.folder().join("dlt");
            let folder = folder.to_str().context("a plain path")?;
            peak_kib = peers::run(python, LOAD, &[&vendor, &syncs.stage.url, folder]).await?;
            Ok(())
        });
        let spent = spent.await?;
        Ok(Measured {
            peak_kib: Some(peak_kib),
            ..spent
        })
    }

    /// Syncs the customers of every connection at once, and waits for all.
    pub async fn run(&mut self, mode: &str) -> anyhow::Result<Measured> {
        self.run_of(mode, &ENTITIES[..1]).await
    }

    /// Syncs these entities of every connection at once, and waits for all.
    pub async fn run_of(&mut self, mode: &str, entities: &[&str]) -> anyhow::Result<Measured> {
        let body = json!({"entities": entities, "mode": mode}).to_string();
        let posts: Vec<Vec<u8>> = self
            .connections
            .iter()
            .map(|id| {
                self.stage
                    .request("POST", &format!("/connections/{id}/sync"), &body)
            })
            .collect();
        let before = self.ended("COMPLETED").await?;
        let wanted = before + posts.len() as u64;
        self.measured(async |syncs| {
            for post in &posts {
                syncs.api.ask(post).await?.expect(202)?;
            }
            while syncs.ended("COMPLETED").await? < wanted {
                ensure!(syncs.ended("FAILED").await? == 0, "a sync failed");
                sleep(LOOK_EVERY).await;
            }
            Ok(())
        })
        .await
    }

    async fn ended(&mut self, state: &str) -> anyhow::Result<u64> {
        self.stage
            .count(&format!(
                "SELECT count(*) FROM jobs WHERE kind = 'sync' AND state = '{state}'"
            ))
            .await
    }

    /// What `work` costs.
    pub async fn measured(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<Measured> {
        for worker in &self.workers {
            memory::forget_peak(worker.pid())?;
        }
        let wal = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
        let wal_before = self.stage.count(wal).await?;
        let (ours, postgres) = (self.our_cpu(), self.stage.postgres_cpu());
        let (vendor, begun) = (cpu::of(self.vendor_program.pid()), Instant::now());
        work(self).await?;
        let wall = begun.elapsed();
        Ok(Measured {
            records: self.records,
            wall,
            ours: self.our_cpu() - ours,
            postgres: self.stage.postgres_cpu() - postgres,
            vendor: cpu::of(self.vendor_program.pid()) - vendor,
            wal_bytes: self.stage.count(wal).await? - wal_before,
            peak_kib: self.peak_kib()?,
        })
    }

    /// Of the workers, and of what this process started and waited for.
    fn our_cpu(&self) -> Duration {
        let workers: Duration = self
            .workers
            .iter()
            .map(|worker| cpu::of(worker.pid()))
            .sum();
        workers + cpu::of_the_waited_for()
    }

    fn peak_kib(&self) -> anyhow::Result<Option<u64>> {
        let peaks: anyhow::Result<Vec<u64>> = self
            .workers
            .iter()
            .map(|worker| memory::peak_kib(worker.pid()))
            .collect();
        Ok(peaks?.into_iter().max())
    }
}
