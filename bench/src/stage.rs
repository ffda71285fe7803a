//! A database of its own for each measurement, and the programs on it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use diesel::sql_types::BigInt;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rail_shared::secrets::SecretString;
use rail_shared::store::{Store, api_keys};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use crate::client::{Line, request};
use crate::cpu::{self, Pids};

const BASE: &str = "/api/v1/integrations";
const START_WITHIN: Duration = Duration::from_secs(30);

/// The private servers.
#[derive(Debug, Clone, clap::Args)]
pub struct Servers {
    /// Postgres.
    #[arg(long, env = "RAIL_BENCH_POSTGRES_URL", hide_env_values = true)]
    postgres_url: String,
    /// Its first process.
    #[arg(long)]
    postgres_pid: u32,
    /// Redis.
    #[arg(long, env = "RAIL_BENCH_REDIS_URL", hide_env_values = true)]
    redis_url: String,
    /// Its process.
    #[arg(long)]
    redis_pid: u32,
    /// Where logs and sockets go.
    #[arg(long)]
    folder: PathBuf,
}

/// A started program; killed when dropped.
pub struct Program(Child);

impl Program {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A migrated database with one tenant, its key and its export; and the api on it.
pub struct Stage {
    /// For looks past the product.
    pub look: AsyncPgConnection,
    /// Where that looks.
    pub url: String,
    /// Ours.
    pub tenant: Uuid,
    /// Where the api listens.
    pub address: SocketAddr,
    /// The request that accepts a job.
    pub post: Vec<u8>,
    key: String,
    export_id: String,
    api: Program,
    servers: Servers,
    settings: Vec<(String, String)>,
}

impl Stage {
    /// Number `number`, which is also the number of its Redis database; with these settings of the programs.
    pub async fn set(
        servers: &Servers,
        number: usize,
        own: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let name = format!("bench{number}");
        let mut admin = AsyncPgConnection::establish(&servers.postgres_url).await?;
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await?;
        let (server, _) = servers
            .postgres_url
            .rsplit_once('/')
            .context("a URL that ends with a database")?;
        let url = format!("{server}/{name}");
        let key = format!("rail_{}", Uuid::now_v7().simple());
        let secret = SecretString::from(url.clone());
        let store = Store::new(&secret, 1)?;
        let bootstrap = SecretString::from(key.clone());
        rail_api::prepare(store.clone(), Some(secret), Some(bootstrap)).await;
        let tenant =
            api_keys::ensure_tenant(&mut *store.connect().await?, rail_api::DEFAULT_TENANT).await?;

        let exports = servers.folder.join("exports");
        fs::create_dir_all(&exports)?;
        let mut settings = vec![
            ("DATABASE_URL".to_owned(), url.clone()),
            (
                "REDIS_URL".to_owned(),
                format!("{}/{number}", servers.redis_url),
            ),
            ("RAIL_EXPORT_DIR".to_owned(), exports.display().to_string()),
        ];
        settings.extend(
            own.iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let address = free_address()?;
        let api = start(servers, &settings, "api", &["api"], Some(address))?;
        let mut stage = Self {
            look: AsyncPgConnection::establish(&url).await?,
            url,
            tenant: tenant.uuid(),
            address,
            post: Vec::new(),
            key,
            export_id: String::new(),
            api,
            servers: servers.clone(),
            settings,
        };
        stage.create_export().await?;
        Ok(stage)
    }

    async fn create_export(&mut self) -> anyhow::Result<()> {
        let body = json!({
            "name": "Ours", "format": "CSV", "entities": ["invoices"],
            "destination": {"type": "LOCAL", "path": "ours"}
        });
        let create = self.request("POST", "/exports", &body.to_string());
        let made = connect(self.address)
            .await?
            .ask(&create)
            .await?
            .expect(201)?;
        made.content()?["exportId"]
            .as_str()
            .context("an export's id")?
            .clone_into(&mut self.export_id);
        self.post = self.request("POST", &format!("/exports/{}/run", self.export_id), "");
        Ok(())
    }

    /// The request that asks how a job goes.
    pub fn get(&self, run_id: &str) -> Vec<u8> {
        let path = format!("/exports/{}/runs/{run_id}", self.export_id);
        self.request("GET", &path, "")
    }

    /// The bytes of a request of its tenant's.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        request(method, &format!("{BASE}{path}"), &self.key, body)
    }

    /// A program of this binary, with the settings of all.
    pub fn start(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Program> {
        start(&self.servers, &self.settings, name, arguments, None)
    }

    /// A worker whose work is nothing, telling of starts at this socket if one is given.
    pub fn start_worker(&self, tell: Option<&Path>) -> anyhow::Result<Program> {
        let mut arguments = vec!["worker"];
        if let Some(path) = tell {
            arguments.extend(["--tell", path.to_str().context("a plain path")?]);
        }
        start(&self.servers, &self.settings, "worker", &arguments, None)
    }

    /// The bare handler, and where it listens.
    pub async fn start_bare(&self) -> anyhow::Result<(Program, SocketAddr)> {
        let address = free_address()?;
        let bare = start(
            &self.servers,
            &self.settings,
            "bare",
            &["bare"],
            Some(address),
        )?;
        connect(address).await?;
        Ok((bare, address))
    }

    /// A socket of the worker's to be told at.
    pub fn socket(&self) -> PathBuf {
        self.servers.folder.join("starts.socket")
    }

    /// CPU time of Postgres, all its processes.
    pub fn postgres_cpu(&self) -> Duration {
        cpu::of_family(self.servers.postgres_pid)
    }

    /// The api's process.
    pub fn api_pid(&self) -> u32 {
        self.api.pid()
    }

    /// The Redis database of its programs.
    pub fn redis_url(&self) -> &str {
        let found = self.settings.iter().find(|(name, _)| name == "REDIS_URL");
        found.map_or("", |(_, url)| url)
    }

    /// Where files go.
    pub fn folder(&self) -> &Path {
        &self.servers.folder
    }

    /// Whose CPU time counts, with this worker.
    pub fn pids(&self, worker: Option<&Program>) -> Pids {
        Pids {
            api: self.api.pid(),
            worker: worker.map_or(0, Program::pid),
            postgres: self.servers.postgres_pid,
            redis: self.servers.redis_pid,
        }
    }

    /// What a query of one number returns.
    pub async fn count(&mut self, sql: &str) -> anyhow::Result<u64> {
        #[derive(diesel::QueryableByName)]
        struct Counted {
            #[diesel(sql_type = BigInt)]
            n: i64,
        }
        let query = diesel::sql_query(format!("SELECT ({sql}) AS n"));
        let row: Counted = query.get_result(&mut self.look).await?;
        Ok(row.n.try_into()?)
    }

    /// How many jobs were done, whoever's.
    pub async fn done(&mut self) -> anyhow::Result<u64> {
        self.count("SELECT count(*) FROM job_attempts WHERE outcome = 'DONE'")
            .await
    }

    /// Leaves nothing for Postgres to do by itself during the measurement.
    pub async fn settle_down(&mut self) -> anyhow::Result<()> {
        for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
            self.look.batch_execute(statement).await?;
        }
        Ok(())
    }
}

fn start(
    servers: &Servers,
    settings: &[(String, String)],
    name: &str,
    arguments: &[&str],
    address: Option<SocketAddr>,
) -> anyhow::Result<Program> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(servers.folder.join(format!("{name}.log")))?;
    let mut command = Command::new("/proc/self/exe");
    command
        .args(arguments)
        .envs(settings.iter().cloned())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    if let Some(address) = address {
        command.env("RAIL_BIND", address.to_string());
    }
    Ok(Program(command.spawn()?))
}

pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

pub async fn connect(address: SocketAddr) -> anyhow::Result<Line> {
    let begun = Instant::now();
    loop {
        match Line::connect(address).await {
            Ok(line) => return Ok(line),
            Err(_) if begun.elapsed() < START_WITHIN => sleep(Duration::from_millis(20)).await,
            Err(error) => {
                ensure!(false, "a program does not listen: {error}");
            }
        }
    }
}
