//! What this installation lets exports write to, and the way there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::bucket::azure_url;
use super::configured::connector_for;
use crate::config::{OutputConfig, SharedConfig};
use crate::domain::DestinationType;
use crate::http::{Guard, Http, HttpError, Limits};

/// A part of 8 MiB needs 70 kB/s to arrive in time.
const REQUEST_LIMIT: Duration = Duration::from_secs(120);

/// What this installation lets exports write to, and the way there. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outputs {
    pub(super) config: OutputConfig,
    /// The operator's addresses of connectors, which go before what connections say.
    pub(super) addresses: BTreeMap<String, String>,
    /// To the operator's own stores.
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
        // No answer is awaited before the part has been sent, so that silence may last as long as a request.
        let limits = Limits {
            idle_read: REQUEST_LIMIT,
            whole: REQUEST_LIMIT,
            ..Limits::default()
        };
        // The operator's own stores are trusted wherever they are: a private endpoint has Azure's name and an inner address.
        let (s3, azure) = (&shared.outputs.s3, &shared.outputs.azure);
        let azure = match (&azure.endpoint, &azure.account) {
            (Some(endpoint), _) => Some(endpoint.to_string()),
            (None, Some((account, _))) => Some(azure_url(account)),
            (None, None) => None,
        };
        let s3 = s3.endpoint.as_ref().map(ToString::to_string);
        // Where the operator said that callers' stores are, and nowhere else: others may be inside the network, too.
        let named = [DestinationType::S3, DestinationType::AzureBlob];
        let named = named.into_iter().filter_map(connector_for);
        let addresses: BTreeMap<_, _> = named
            .filter_map(|connector| shared.connector_base_urls.get_key_value(connector))
            .map(|(connector, address)| (connector.clone(), address.clone()))
            .collect();
        Ok(Self {
            own: Http::new(Guard::public_and(s3.iter().chain(&azure)), limits)?,
            callers: Http::new(Guard::public_and(addresses.values()), limits)?,
            config: shared.outputs.clone(),
            addresses,
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
