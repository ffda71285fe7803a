//! An installation of the product as its operators run it: an api process, worker processes, a sandbox.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rail_shared::domain::Scope;
use serde_json::Value;

use super::program::{Program, Signal, Start};
use crate::harness::{Caller, Database, MASTER_KEYS, make_key, redis_url};
use crate::ports::free_port;
use crate::sandbox::Sandbox;
use crate::sandbox::stripe::{DEFAULT_KEY, Settings};
use crate::wait::{SOON, wait_until};

/// What a scenario wants to be different.
pub struct Builder {
    name: String,
    logs: PathBuf,
    sandbox: Settings,
    database: Option<Database>,
    variables: Vec<(String, String)>,
}

impl Builder {
    /// The sandbox is started with these settings.
    #[must_use]
    pub fn sandbox(mut self, settings: Settings) -> Self {
        self.sandbox = settings;
        self
    }

    /// This database instead of a fresh one of the common server.
    #[must_use]
    pub fn database(mut self, database: Database) -> Self {
        self.database = Some(database);
        self
    }

    /// A variable of the programs' environment; the last of a name counts.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the sandbox and the api, and no worker yet.
    ///
    /// # Panics
    /// When the servers are not there or the api does not get ready.
    pub async fn start(self) -> Installation {
        let database = match self.database {
            Some(database) => database,
            None => Database::fresh().await,
        };
        let sandbox = Sandbox::start(self.sandbox);
        let exports = tempfile::tempdir().expect("a folder for exports");
        let port = free_port();
        let own = [
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", redis_url()),
            ("RAIL_MASTER_KEYS", MASTER_KEYS.to_owned()),
            ("RAIL_BIND", format!("127.0.0.1:{port}")),
            ("RAIL_EXPORT_DIR", exports.path().display().to_string()),
            ("RAIL_CONNECTOR_STRIPE_BASE_URL", sandbox.base_url()),
            // The sandbox bears more than Stripe does.
            ("RAIL_CONNECTOR_STRIPE_RATE", "10000%".to_owned()),
            ("RAIL_WORKER_LEASE", "5s".to_owned()),
            ("RAIL_LOG", "info,rail_worker=debug".to_owned()),
            ("IOF_CONNECTOR_API_KEY", DEFAULT_KEY.to_owned()),
        ];
        let mut variables: Vec<(String, String)> = own
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        for (name, value) in self.variables {
            variables.retain(|(known, _)| *known != name);
            // An empty value stands for none.
            if !value.is_empty() {
                variables.push((name, value));
            }
        }
        let key = make_key(&database.store(), "default", Scope::ALL).await;
        let address = ([127, 0, 0, 1], port).into();
        let caller = Caller::new(address, key.reveal());
        let api = start_api(&self.name, &variables, &self.logs);
        let installation = Installation {
            sandbox,
            caller,
            database,
            api,
            name: self.name,
            logs: self.logs,
            variables,
            workers: AtomicU32::new(0),
            exports,
        };
        installation.ready().await;
        installation
    }
}

/// A running installation. All of it ends when it is dropped, save the workers, which end with their own values.
pub struct Installation {
    /// The fake vendor.
    pub sandbox: Sandbox,
    /// Speaks with all scopes of the first tenant.
    pub caller: Caller,
    /// Its database.
    pub database: Database,
    /// The api.
    pub api: Program,
    name: String,
    logs: PathBuf,
    variables: Vec<(String, String)>,
    workers: AtomicU32,
    exports: tempfile::TempDir,
}

impl Installation {
    /// Begins to describe one; `name` begins the names of its logs, which go to the folder `logs`.
    #[must_use]
    pub fn builder(name: &str, logs: &Path) -> Builder {
        Builder {
            name: name.to_owned(),
            logs: logs.to_owned(),
            sandbox: Settings::new(7),
            database: None,
            variables: Vec::new(),
        }
    }

    /// Where LOCAL exports go.
    #[must_use]
    pub fn export_dir(&self) -> &Path {
        self.exports.path()
    }

    /// Ends the api, if it still runs, starts it anew at the same address with further variables, and waits until it is
    /// ready.
    pub async fn restart_api(&mut self, more: &[(&str, &str)]) {
        self.api.kill();
        let mut variables = self.variables.clone();
        let more = more.iter();
        variables.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.api = start_api(&self.name, &variables, &self.logs);
        self.ready().await;
    }

    async fn ready(&self) {
        wait_until(SOON * 2, "the api is ready", async || {
            let ready = self.caller.try_get("//readyz").await;
            ready.is_some_and(|answer| answer.status == 200)
        })
        .await;
    }

    /// Starts one more worker.
    #[must_use]
    pub fn start_worker(&self) -> Program {
        self.start_worker_with(&[])
    }

    /// Starts one more worker with further variables.
    #[must_use]
    pub fn start_worker_with(&self, more: &[(&str, &str)]) -> Program {
        let number = self.workers.fetch_add(1, Ordering::Relaxed) + 1;
        let mut variables = self.variables.clone();
        for (name, value) in more {
            variables.retain(|(known, _)| known != name);
            variables.push(((*name).to_owned(), (*value).to_owned()));
        }
        Program::start(&Start {
            name: &format!("{}-worker-{number}", self.name),
            binary: "rail-worker",
            arguments: &["run"],
            variables: &variables,
            logs: &self.logs,
        })
    }

    /// Of these workers, the one that holds the lease of a job (by its uuid as Postgres writes it), if one does.
    pub async fn holder<'a>(
        &self,
        job: &str,
        workers: &'a mut [Program],
    ) -> Option<&'a mut Program> {
        let sql = format!("SELECT lease_owner FROM jobs WHERE id = '{job}' AND state = 'RUNNING'");
        let owner = self.database.ask(&sql).await;
        let pid = pid_in(owner.as_str()?)?;
        workers.iter_mut().find(|worker| worker.pid() == pid)
    }

    /// Triggers a sync; returns its id.
    pub async fn trigger(&self, connection: &str, body: &Value) -> String {
        let path = format!("/connections/{connection}/sync");
        let accepted = self.caller.post(&path, body).await.expect(202);
        crate::harness::text(&accepted, "syncId").to_owned()
    }

    /// Waits until all processes of a list ended after having been asked to.
    pub async fn stop(&self, workers: &mut [Program]) {
        for worker in workers.iter() {
            worker.signal(Signal::Stop);
        }
        for worker in workers {
            worker.ended(SOON * 2).await;
        }
    }
}

fn start_api(name: &str, variables: &[(String, String)], logs: &Path) -> Program {
    Program::start(&Start {
        name: &format!("{name}-api"),
        binary: "rail-api",
        arguments: &["serve"],
        variables,
        logs,
    })
}

/// The process id in a worker's name, `worker-<host>-<pid>-<random>`.
fn pid_in(owner: &str) -> Option<u32> {
    owner.rsplit('-').nth(1)?.parse().ok()
}
