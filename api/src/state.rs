//! What every request may use.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use rail_shared::blobs::Outputs;
use rail_shared::budget::{BadAddress, Budgets};
use rail_shared::config::SharedConfig;
use rail_shared::connectors::{Catalogue, CatalogueError, WebhookKeys};
use rail_shared::domain::Clock;
use rail_shared::http::{Guard, Http, HttpError, Limits, Networks};
use rail_shared::queue::{Doorbell, PREFIX, QueueError, Ringer};
use rail_shared::secrets::{ExposeSecret, KeyRing, References};
use rail_shared::store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::events::Tails;
use crate::http::in_flight::InFlight;
use crate::http::known_keys::KnownKeys;
use crate::http::shapes::Shapes;
use crate::records::Uploads;

/// The api's parts. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

/// See [`Api`].
pub struct Parts {
    /// Postgres.
    pub store: Store,
    /// Redis, to be asked how it is.
    pub doorbell: Doorbell,
    /// Redis, to ring for accepted jobs.
    pub ringer: Ringer,
    /// The connectors.
    pub catalogue: Catalogue,
    /// The way to vendors.
    pub http: Http,
    /// How many requests they get, from all processes together.
    pub budgets: Budgets,
    /// What seals credentials.
    pub key_ring: Arc<KeyRing>,
    /// What credentials may refer to.
    pub references: References,
    /// Where exports may go.
    pub outputs: Outputs,
    /// The way to webhooks' receivers.
    pub webhooks: Http,
    /// The operator's networks that these may be in.
    pub webhook_networks: Networks,
    /// How callers, and persons who come back from a vendor, reach us; without a slash at the end.
    pub public_url: String,
    /// The time of requests.
    pub clock: Clock,
    /// What readers of the stream of events share.
    pub(crate) tails: Tails,
    /// Cancelled when the process is to stop: what never ends by itself ends then.
    pub(crate) stopping: CancellationToken,
    /// Keys that were accepted a moment ago.
    pub(crate) known_keys: KnownKeys,
    /// Requests with an Idempotency-Key that are being answered.
    pub(crate) in_flight: InFlight,
    /// Bodies of records that are being read.
    pub(crate) uploads: Uploads,
    /// Vendors' public keys.
    pub(crate) webhook_keys: WebhookKeys,
    /// What bodies are checked against.
    pub(crate) shapes: Shapes,
}

/// Why the api cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The way to vendors.
    #[error("the HTTP client cannot be set up")]
    Http(#[from] HttpError),
    /// Redis.
    #[error("REDIS_URL cannot be used")]
    Queue(#[from] QueueError),
    /// Redis.
    #[error("REDIS_URL cannot be used")]
    Budgets(#[from] BadAddress),
    /// Postgres.
    #[error("DATABASE_URL cannot be used")]
    Store(#[from] StoreError),
    /// Our own document.
    #[error("the OpenAPI document holds a schema that cannot be checked against: {0}")]
    Shapes(String),
}

impl Api {
    /// Sets the parts up; connects to nothing yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(
        shared: &SharedConfig,
        key_ring: KeyRing,
        public_url: &str,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let doorbell = Doorbell::new(shared.redis_url.expose_secret(), PREFIX)?;
        let guard = Guard::public_and(shared.connector_base_urls.values());
        let connectors_dir = shared.connectors_dir.as_deref();
        let catalogue = Catalogue::open(&shared.connector_base_urls, connectors_dir)?;
        catalogue.check_rates(&shared.rates)?;
        Ok(Self(Arc::new(Parts {
            store: Store::new(&shared.database_url, shared.db_connections)?,
            ringer: Ringer::new(&doorbell),
            doorbell,
            catalogue,
            http: Http::new(guard, Limits::default())?.with_clock(clock.clone()),
            budgets: Budgets::new(shared.redis_url.expose_secret(), shared.rates.clone())?,
            key_ring: Arc::new(key_ring),
            public_url: public_url.to_owned(),
            references: shared.references.clone(),
            outputs: Outputs::new(shared)?,
            webhooks: Http::to_webhooks(shared.webhook_networks.clone())?.with_clock(clock.clone()),
            webhook_networks: shared.webhook_networks.clone(),
            tails: Tails::default(),
            stopping: CancellationToken::new(),
            clock,
            known_keys: KnownKeys::default(),
            in_flight: InFlight::default(),
            uploads: Uploads::default(),
            webhook_keys: WebhookKeys::default(),
            shapes: Shapes::compile().map_err(SetupError::Shapes)?,
        })))
    }
}

impl Deref for Api {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}
