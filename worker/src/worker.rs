//! What every job of this process shares.

use std::sync::Arc;

use rail_shared::blobs::Outputs;
use rail_shared::budget::Budgets;
use rail_shared::config::{SharedConfig, WorkerConfig};
use rail_shared::connectors::{Catalogue, Session, Source};
use rail_shared::domain::{Clock, Failure, FailureKind, JobKind, Origin};
use rail_shared::http::{Guard, Http, Limits};
use rail_shared::queue::{Doorbell, PREFIX, Ringer};
use rail_shared::secrets::{Binding, ExposeSecret, KeyRing, References};
use rail_shared::store::Store;
use rail_shared::store::connections::ConnectionRow;
use rail_shared::store::grants::StoredVault;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::runtime::{self, Claims, HeldLeases, Memory, Notes, Pool, Settling, Waking, Work, pool};
use crate::{jobs, upkeep};

/// One worker process. Cheap to clone.
#[derive(Clone)]
pub struct Worker {
    /// Postgres.
    pub store: Store,
    /// Where rings are heard.
    pub doorbell: Doorbell,
    /// Where rings are made.
    pub ringer: Ringer,
    /// The connectors.
    pub catalogue: Catalogue,
    /// The client for vendors' APIs.
    pub http: Http,
    /// How many requests they get, from all processes together.
    pub budgets: Budgets,
    /// Opens credentials.
    pub key_ring: Arc<KeyRing>,
    /// Resolves `${…}` in them.
    pub references: References,
    /// Where exports may go.
    pub outputs: Arc<Outputs>,
    /// The time of day.
    pub clock: Clock,
    /// Slots and lease.
    pub config: WorkerConfig,
    /// Unique per start: the owner of its leases.
    pub name: String,
    /// Where rings become leases.
    pub claims: Claims,
    /// The leases it holds.
    pub held: HeldLeases,
    /// What its syncs hold of pages, and write at once.
    pub memory: Memory,
    /// Where delivery jobs are woken.
    pub waking: Waking,
    /// Where attempts at deliveries are written.
    pub notes: Notes,
    /// The way to webhooks' receivers.
    pub webhooks: Http,
    /// Where ends of attempts are written.
    pub settling: Settling,
    /// What is done for a claimed job.
    pub work: Work,
    /// How many records of a sync are committed together, about.
    pub batch_records: usize,
}

impl Worker {
    /// Puts a worker together; connects to nothing yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn new(
        shared: &SharedConfig,
        config: WorkerConfig,
        key_ring: KeyRing,
    ) -> anyhow::Result<Self> {
        let doorbell = Doorbell::new(shared.redis_url.expose_secret(), PREFIX)?;
        let guard = Guard::public_and(shared.connector_base_urls.values());
        // A sync writes in one connection at a time, whatever it reads at once; an export holds its view and one to report; upkeep and
        // heartbeats need some too. With fewer, jobs would wait for each other. Deliveries take one for a moment only.
        let needed = config.syncs + 2 * config.exports + 4;
        let store = Store::new(&shared.database_url, shared.db_connections.max(needed))?;
        let ringer = Ringer::new(&doorbell);
        let waking = Waking::new(store.clone(), ringer.clone());
        let name = runtime::unique_name("worker");
        let connectors_dir = shared.connectors_dir.as_deref();
        let catalogue = Catalogue::open(&shared.connector_base_urls, connectors_dir)?;
        catalogue.check_rates(&shared.rates)?;
        Ok(Self {
            claims: Claims::new(store.clone(), name.clone(), config.lease, waking.clone()),
            held: HeldLeases::default(),
            memory: Memory::default(),
            settling: Settling::new(store.clone(), ringer.clone(), waking.clone()),
            notes: Notes::new(store.clone()),
            webhooks: Http::to_webhooks(shared.webhook_networks.clone())?,
            waking,
            work: jobs::run,
            batch_records: jobs::BATCH_RECORDS,
            store,
            ringer,
            doorbell,
            catalogue,
            http: Http::new(guard, Limits::default())?,
            budgets: Budgets::new(shared.redis_url.expose_secret(), shared.rates.clone())?,
            key_ring: Arc::new(key_ring),
            references: shared.references.clone(),
            outputs: Arc::new(Outputs::new(shared)?),
            clock: Clock::system(),
            config,
            name,
        })
    }

    /// Works until `stop` fires; then takes no more jobs, gives back what it holds after the batch in hand, and returns.
    pub async fn run(self, stop: CancellationToken) {
        tracing::info!(worker = self.name, "ready for jobs");
        let (syncs, start_syncs) = pool(self.config.syncs);
        let (exports, start_exports) = pool(self.config.exports);
        let (deliveries, start_deliveries) = pool(self.config.deliveries);
        let starters = [
            (JobKind::Sync, start_syncs),
            (JobKind::Export, start_exports),
            (JobKind::Delivery, start_deliveries),
        ];
        let working = async {
            tokio::join!(
                Box::pin(self.listen(JobKind::Sync, syncs, &stop)),
                Box::pin(self.listen(JobKind::Export, exports, &stop)),
                Box::pin(self.listen(JobKind::Delivery, deliveries, &stop)),
                upkeep::run(&self, &starters, &stop),
                Box::pin(upkeep::abandoned::run(&self, &stop)),
            );
        };
        // Leases are kept until the last job was given back.
        tokio::select! {
            () = working => {}
            () = self.held.keep(&self.store, self.config.lease) => {}
        }
        tracing::info!(worker = self.name, "stopped");
    }

    async fn listen(&self, kind: JobKind, pool: Pool, stop: &CancellationToken) {
        let (worker, stopping) = (self.clone(), stop.clone());
        runtime::bell::listen(
            self.doorbell.clone(),
            kind,
            pool,
            stop.clone(),
            move |ring| runtime::attempt(worker.clone(), ring, stopping.clone()),
        )
        .await;
    }

    /// Opens a connection: its credentials in memory, its source ready to be read.
    ///
    /// # Errors
    /// When the connector is gone, or the credentials cannot be opened.
    pub fn open(&self, connection: &ConnectionRow) -> Result<Source, Failure> {
        let connector = self
            .catalogue
            .get(&connection.connector_id)
            .ok_or_else(|| {
                let message = format!(
                    "The connector {} is not in the catalogue of this worker.",
                    connection.connector_id
                );
                Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
            })?;
        let binding = binding_of(connection);
        let credentials = self.credentials(connection)?;
        let settings = connection.settings.as_object().cloned().unwrap_or_default();
        let vault = StoredVault::new(self.store.clone(), Arc::clone(&self.key_ring), binding);
        let session = Session::new(credentials, settings).with_vault(Arc::new(vault));
        Ok(connector.open(&self.http, session))
    }

    /// The credentials of a connection in plain, references resolved.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub fn credentials(&self, connection: &ConnectionRow) -> Result<Map<String, Value>, Failure> {
        let binding = binding_of(connection);
        let opened = self.key_ring.open(
            &connection.sealed_credentials,
            &connection.sealed_by,
            binding,
        );
        let credentials = opened.map_err(|error| {
            tracing::error!(connection.id = %connection.id, %error, "credentials do not open");
            let message =
                "The stored credentials cannot be opened with this installation's master keys.";
            Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
        })?;
        let credentials: Map<String, Value> =
            serde_json::from_slice(&credentials).map_err(|_| Failure::internal())?;
        let (credentials, unresolved) = self.references.resolve(credentials);
        for reference in unresolved {
            tracing::warn!(connection.id = %connection.id, %reference, "a credential is left out");
        }
        Ok(credentials)
    }
}

fn binding_of(connection: &ConnectionRow) -> Binding {
    Binding {
        tenant_id: connection.tenant_id,
        connection_id: connection.id,
    }
}
