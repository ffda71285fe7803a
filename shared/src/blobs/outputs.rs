//! What this installation lets exports write to, and the way there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::bucket::azure_url;
use crate::config::{OutputConfig, SharedConfig};
use crate::http::{Guard, Http, HttpError, Limits};

/// A block of 8 MiB needs 70 kB/s to arrive in time.
const REQUEST_LIMIT: Duration = Duration::from_secs(120);

/// What this installation lets exports write to, and the way there. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outputs {
    pub(super) config: OutputConfig,
    /// The operator's addresses of connectors, which go before what connections say.
    pub(super) addresses: BTreeMap<String, String>,
    /// To the operator's own store.
    pub(super) own: Http,
    /// To stores that callers name.
    pub(super) callers: Http,
}

impl Outputs {
    /// From the settings; connects to nothing yet.
    ///
    /// # Errors
    /// [`HttpError::Setup`], when the system's means for TLS cannot be set up.
    pub fn new(shared: &SharedConfig) -> Result<Self, HttpError> {
        // No answer is awaited before the block has been sent, so that silence may last as long as a request.
        let limits = Limits {
            idle_read: REQUEST_LIMIT,
            whole: REQUEST_LIMIT,
            ..Limits::default()
        };
        // The operator's own account is trusted wherever it is: a private endpoint has Azure's name and an inner address.
        let azure = &shared.outputs.azure;
        let own = match (&azure.endpoint, &azure.account) {
            (Some(endpoint), _) => Some(endpoint.to_string()),
            (None, Some((account, _))) => Some(azure_url(account)),
            (None, None) => None,
        };
        Ok(Self {
            own: Http::new(Guard::public_and(&own), limits)?,
            callers: Http::new(
                Guard::public_and(shared.connector_base_urls.values()),
                limits,
            )?,
            config: shared.outputs.clone(),
            addresses: shared.connector_base_urls.clone(),
        })
    }

    /// The allowed root of LOCAL destinations; without it there are none.
    #[must_use]
    pub fn export_dir(&self) -> Option<&Path> {
        self.config.export_dir.as_deref()
    }

    /// Whether the operator has an Azure storage account for exports.
    #[must_use]
    pub fn has_azure_account(&self) -> bool {
        self.config.azure.account.is_some()
    }
}
