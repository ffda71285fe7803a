//! From what is stored of an export to a place that can be written to.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Addressing, AzureKey, AzurePlace, AzureSettings, Destination, Existing, LocalPlace, Outputs,
    Place, S3Keys, S3Place, S3Settings, connected,
};
use crate::domain::{ConnectionId, DestinationType, Failure, FailureKind, Origin, fixed_part};
use crate::secrets::ExposeSecret;

/// The credentials of a connection in plain, references resolved.
pub type Credentials = Map<String, Value>;

/// A destination as the caller gives it and as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationSettings {
    #[serde(rename = "type")]
    kind: DestinationType,
    #[serde(default)]
    path: String,
    bucket: Option<String>,
    container: Option<String>,
    region: Option<String>,
    connection_id: Option<ConnectionId>,
    #[serde(default)]
    overwrite: bool,
}

impl DestinationSettings {
    /// Reads what is stored.
    ///
    /// # Errors
    /// When this version knows no such destination.
    pub fn read(stored: &Value) -> Result<Self, Failure> {
        Deserialize::deserialize(stored)
            .map_err(|_| misconfigured("This kind of destination is not available."))
    }

    /// The connection whose credentials are to be used, in place of the operator's.
    #[must_use]
    pub fn connection_id(&self) -> Option<ConnectionId> {
        self.connection_id
    }

    /// The connector of connections whose credentials fit; `None` where no credentials are needed.
    #[must_use]
    pub fn connector(&self) -> Option<&'static str> {
        connector_for(self.kind)
    }

    /// The place, in what the operator allows. `credentials` are those of the connection that is named, if one is.
    ///
    /// # Errors
    /// When this installation has no such place, or the settings cannot work.
    pub fn open(
        self,
        outputs: &Outputs,
        credentials: Option<&Credentials>,
    ) -> Result<Destination, Failure> {
        let existing = if self.overwrite {
            Existing::Replace
        } else {
            Existing::Keep
        };
        // What varies from run to run is in the keys of their files.
        let path = fixed_part(&self.path).0.to_owned();
        let place = match self.kind {
            DestinationType::Local => Place::Local(local(outputs, &path)?),
            DestinationType::S3 => {
                let (settings, http) = match credentials {
                    Some(credentials) => (
                        connected::s3(outputs, credentials, self.bucket, self.region)?,
                        &outputs.callers,
                    ),
                    None => (own_s3(outputs, self.bucket, self.region)?, &outputs.own),
                };
                let settings = S3Settings {
                    prefix: path,
                    ..settings
                };
                Place::S3(Box::new(S3Place::new(settings, http.clone())?))
            }
            DestinationType::AzureBlob => {
                let (settings, http) = match credentials {
                    Some(credentials) => (
                        connected::azure(outputs, credentials, self.container)?,
                        &outputs.callers,
                    ),
                    None => (own_azure(outputs, self.container)?, &outputs.own),
                };
                Place::Azure(Box::new(AzurePlace::new(settings, &path, http.clone())?))
            }
        };
        Ok(Destination::from(place).with_existing(existing))
    }
}

/// The connector of connections whose credentials open such a destination.
#[must_use]
pub fn connector_for(kind: DestinationType) -> Option<&'static str> {
    match kind {
        DestinationType::S3 => Some("s3"),
        DestinationType::AzureBlob => Some("azure_blob"),
        DestinationType::Local => None,
    }
}

fn local(outputs: &Outputs, path: &str) -> Result<LocalPlace, Failure> {
    let root = outputs.config.export_dir.clone().ok_or_else(|| {
        misconfigured(
            "LOCAL destinations are not available: the operator has set no RAIL_EXPORT_DIR.",
        )
    })?;
    LocalPlace::new(root, path)
}

fn own_s3(
    outputs: &Outputs,
    bucket: Option<String>,
    region: Option<String>,
) -> Result<S3Settings, Failure> {
    let own = &outputs.config.s3;
    let (id, secret) = own.access.as_ref().ok_or_else(|| {
        misconfigured(
            "S3 destinations are not available: the operator has set no RAIL_S3_ACCESS_KEY_ID.",
        )
    })?;
    Ok(S3Settings {
        bucket: bucket.ok_or_else(|| misconfigured("The destination names no bucket."))?,
        prefix: String::new(),
        region: region.unwrap_or_else(|| own.region.clone()),
        addressing: Addressing::at(own.endpoint.as_ref()),
        endpoint: own.endpoint.clone(),
        keys: S3Keys {
            access_key_id: id.expose_secret().to_owned(),
            secret_access_key: secret.clone(),
            session_token: None,
        },
    })
}

fn own_azure(outputs: &Outputs, container: Option<String>) -> Result<AzureSettings, Failure> {
    let own = &outputs.config.azure;
    let (account, key) = own.account.as_ref().ok_or_else(|| {
        misconfigured(
            "AZURE_BLOB destinations are not available: the operator has set no RAIL_AZURE_ACCOUNT.",
        )
    })?;
    Ok(AzureSettings {
        account: account.clone(),
        container: container.ok_or_else(|| misconfigured("The destination names no container."))?,
        key: AzureKey::Account(key.clone()),
        endpoint: own.endpoint.clone(),
    })
}

pub(super) fn misconfigured(message: impl Into<String>) -> Failure {
    Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
}
