//! From what is stored of an export to a place that can be written to.

use serde::Deserialize;

use super::{Addressing, Destination, LocalPlace, S3Keys, S3Place, S3Settings};
use crate::config::OutputConfig;
use crate::domain::{Failure, FailureKind, Origin, fixed_part};
use crate::secrets::ExposeSecret;

/// A destination as the caller gives it and as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
enum Given {
    #[serde(rename = "S3")]
    S3 {
        bucket: String,
        #[serde(default)]
        path: String,
        region: Option<String>,
    },
    #[serde(rename = "LOCAL")]
    Local {
        #[serde(default)]
        path: String,
    },
}

impl Destination {
    /// The place that a stored destination names, in what the operator allows: of its path what is the same for every run.
    ///
    /// # Errors
    /// When this installation has no such place, or the settings cannot work.
    pub fn configured(given: &serde_json::Value, outputs: &OutputConfig) -> Result<Self, Failure> {
        let given: Given = serde_json::from_value(given.clone())
            .map_err(|_| misconfigured("This kind of destination is not available."))?;
        match given {
            Given::Local { path } => {
                let root = outputs.export_dir.clone().ok_or_else(|| {
                    misconfigured("LOCAL destinations are not available: the operator has set no RAIL_EXPORT_DIR.")
                })?;
                Ok(Self::Local(LocalPlace::new(root, fixed_part(&path).0)?))
            }
            Given::S3 {
                bucket,
                path,
                region,
            } => {
                let (id, secret) = outputs.s3.access.as_ref().ok_or_else(|| {
                    misconfigured("S3 destinations are not available: the operator has set no RAIL_S3_ACCESS_KEY_ID.")
                })?;
                let endpoint = outputs.s3.endpoint.clone();
                let addressing = if endpoint.is_some() {
                    Addressing::Path
                } else {
                    Addressing::VirtualHosted
                };
                Ok(Self::S3(S3Place::new(&S3Settings {
                    bucket,
                    prefix: fixed_part(&path).0.to_owned(),
                    region: region.unwrap_or_else(|| outputs.s3.region.clone()),
                    endpoint,
                    addressing,
                    keys: S3Keys {
                        access_key_id: id.expose_secret().to_owned(),
                        secret_access_key: secret.clone(),
                        session_token: None,
                    },
                })?))
            }
        }
    }
}

fn misconfigured(message: &str) -> Failure {
    Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
}
