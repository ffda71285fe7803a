//! The product, whole and in this process: the api on a real port, workers, a fresh database, a Redis of its own
//! number, a sandbox of the vendor; and callers that use it over HTTP.
//!
//! ```no_run
//! # async fn example() {
//! use rail_tests::harness::Rail;
//! let rail = Rail::builder().customers(10).start().await;
//! let stripe = rail.connect_stripe().await;
//! let done = rail.sync(&stripe, &serde_json::json!({"entities": ["customers"], "mode": "FULL"})).await;
//! assert_eq!(done["stats"]["customers"]["created"], 10);
//! # }
//! ```

mod caller;
mod database;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use rail_api::Api;
use rail_shared::config::{Environment, SharedConfig, WorkerConfig, key_ring};
use rail_shared::domain::{Clock, Scope};
use rail_shared::secrets::ApiKey;
use rail_shared::store::{Store, api_keys};
use rail_worker::Worker;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use caller::{Answer, Caller, send, try_send};
pub use database::Database;
pub use database::redis_url;

use crate::sandbox::Sandbox;
use crate::sandbox::stripe::{DEFAULT_KEY, Settings};
use crate::wait::{SOON, wait_until};

/// 32 bytes, as good as any for a test.
pub const MASTER_KEYS: &str = "test:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// What a test wants to be different.
pub struct Builder {
    sandbox: Settings,
    workers: usize,
    variables: Vec<(String, String)>,
}

impl Builder {
    /// The sandbox holds this many customers, and nothing else yet.
    #[must_use]
    pub fn customers(mut self, count: u64) -> Self {
        self.sandbox = self.sandbox.with("customers", count);
        self
    }

    /// The sandbox is started with these settings.
    #[must_use]
    pub fn sandbox(mut self, settings: Settings) -> Self {
        self.sandbox = settings;
        self
    }

    /// So many workers run from the start; one if not said.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// A variable of the programs' environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A lease ends soon, for whoever waits for that of a killed worker; others keep the usual one, so that none is lost
    /// because the machine is busy.
    #[must_use]
    pub fn short_lease(self) -> Self {
        self.variable("RAIL_WORKER_LEASE", "5s")
    }

    /// Starts everything.
    ///
    /// # Panics
    /// When the private servers of `./dev test` are not there.
    pub async fn start(self) -> Rail {
        Rail::start(self).await
    }
}

/// The product in this process. Everything ends when it is dropped.
pub struct Rail {
    /// The fake vendor.
    pub sandbox: Sandbox,
    /// Speaks with all scopes of the first tenant.
    pub caller: Caller,
    /// Its database.
    pub database: Database,
    /// Where LOCAL exports go.
    pub exports: tempfile::TempDir,
    shared: SharedConfig,
    environment: Environment,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Drop for Rail {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Rail {
    /// Begins to describe one.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            sandbox: Settings::new(7),
            workers: 1,
            variables: Vec::new(),
        }
    }

    async fn start(wanted: Builder) -> Self {
        let database = Database::fresh().await;
        let sandbox = Sandbox::start(wanted.sandbox);
        let exports = tempfile::tempdir().expect("a folder for exports");
        let own = [
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", redis_url()),
            ("RAIL_MASTER_KEYS", MASTER_KEYS.to_owned()),
            ("RAIL_EXPORT_DIR", exports.path().display().to_string()),
            ("RAIL_CONNECTOR_STRIPE_BASE_URL", sandbox.base_url()),
            // The sandbox bears more than Stripe does.
            ("RAIL_CONNECTOR_STRIPE_RATE", "10000%".to_owned()),
            ("IOF_CONNECTOR_API_KEY", DEFAULT_KEY.to_owned()),
        ];
        let variables = own
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(wanted.variables);
        let environment: Environment = variables.collect();
        let shared = SharedConfig::from_env(&environment).expect("good settings");

        let stop = CancellationToken::new();
        let address = serve(&shared, &environment, &stop).await;

        let key = make_key(&database.store(), "default", Scope::ALL).await;
        let caller = Caller::new(address, key.reveal());
        let rail = Self {
            sandbox,
            caller,
            database,
            exports,
            shared,
            environment,
            address,
            stop,
        };
        for _ in 0..wanted.workers {
            rail.start_worker();
        }
        rail
    }

    /// Starts one more api; returns the first caller as it speaks to that one.
    pub async fn start_api(&self) -> Caller {
        let address = serve(&self.shared, &self.environment, &self.stop).await;
        self.caller.at(address)
    }

    /// Starts one more worker.
    ///
    /// # Panics
    /// When its settings are bad.
    pub fn start_worker(&self) -> RunningWorker {
        let stop = self.stop.child_token();
        let task = tokio::spawn(self.worker().run(stop.clone()));
        RunningWorker { stop, task }
    }

    /// A worker that does nothing by itself.
    ///
    /// # Panics
    /// When its settings are bad.
    #[must_use]
    pub fn worker(&self) -> Worker {
        let config = WorkerConfig::from_env(&self.environment).expect("good settings");
        Worker::new(
            &self.shared,
            config,
            key_ring(&self.environment).expect("a key ring"),
        )
        .expect("a worker")
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder of LOCAL exports.
    #[must_use]
    pub fn export_dir(&self) -> &Path {
        self.exports.path()
    }

    /// A caller of this tenant (made if it is not there) with these scopes.
    pub async fn caller_of(&self, tenant: &str, scopes: &[Scope]) -> Caller {
        let key = make_key(&self.database.store(), tenant, scopes).await;
        Caller::new(self.address, key.reveal())
    }

    /// A connection to the sandbox; returns its id.
    pub async fn connect_stripe(&self) -> String {
        self.caller.connect_stripe().await
    }

    /// Triggers a sync and waits for its end; returns it.
    pub async fn sync(&self, connection: &str, body: &Value) -> Value {
        let accepted = self
            .caller
            .post(&format!("/connections/{connection}/sync"), body)
            .await
            .expect(202);
        self.ended(&format!(
            "/connections/{connection}/sync/{}",
            text(&accepted, "syncId")
        ))
        .await
    }

    /// Creates an export and runs it to its end; returns the run.
    pub async fn export(&self, body: &Value) -> Value {
        let export = self.caller.post("/exports", body).await.expect(201);
        let export = text(&export, "exportId").to_owned();
        let run = self
            .caller
            .post(&format!("/exports/{export}/run"), &Value::Null)
            .await
            .expect(202);
        self.ended(&format!("/exports/{export}/runs/{}", text(&run, "runId")))
            .await
    }

    /// Waits until what is at this path is as it should be, and returns it.
    pub async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        wait_until(SOON, &format!("a change of {path}"), async || {
            seen = self.caller.get(path).await.expect(200);
            is_so(&seen)
        })
        .await;
        seen
    }

    /// Waits until what is at this path has ended, well or not.
    pub async fn ended(&self, path: &str) -> Value {
        let mut seen = Value::Null;
        wait_until(SOON * 4, &format!("the end of {path}"), async || {
            seen = self.caller.get(path).await.expect(200);
            !matches!(seen["status"].as_str(), Some("QUEUED" | "RUNNING"))
        })
        .await;
        seen
    }
}

/// A worker in this process. It goes on when this is dropped.
pub struct RunningWorker {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl RunningWorker {
    /// Asks it to stop, as SIGTERM does.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ended(self) {
        tokio::time::timeout(SOON * 4, self.task)
            .await
            .expect("the worker does not stop")
            .expect("the worker panicked");
    }

    /// Ends it where it stands, as SIGKILL does: whatever it holds, it holds until its lease runs out.
    pub fn kill(&self) {
        self.task.abort();
    }
}

/// A text of an answer.
///
/// # Panics
/// When there is none of that name.
#[must_use]
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// An api on a port of its own, until `stop` fires.
async fn serve(
    shared: &SharedConfig,
    environment: &Environment,
    stop: &CancellationToken,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("its number");
    let api = Api::new(
        shared,
        key_ring(environment).expect("a key ring"),
        &format!("http://{address}"),
        Clock::system(),
    )
    .expect("an api");
    tokio::spawn(rail_api::serve(
        listener,
        api,
        stop.clone().cancelled_owned(),
    ));
    address
}

pub(crate) async fn make_key(store: &Store, tenant: &str, scopes: &[Scope]) -> ApiKey {
    let key = ApiKey::generate();
    let mut conn = store.connect().await.expect("a connection");
    let tenant = api_keys::ensure_tenant(&mut conn, tenant)
        .await
        .expect("a tenant");
    api_keys::ensure(&mut conn, tenant, "test", &key.digest(), scopes)
        .await
        .expect("a key");
    key
}
