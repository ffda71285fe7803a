//! Where exports may go, and as whom.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::reading::Reading;
use super::web_url;

/// What a variable that holds a URL must be.
const WEB_URL: &str = "a URL that begins with http:// or https://";

/// Where exports may go.
#[derive(Debug, Clone)]
pub struct OutputConfig {
    /// Allowed root of LOCAL destinations.
    pub export_dir: Option<PathBuf>,
    /// The operator's S3 account.
    pub s3: S3Config,
    /// The operator's Azure storage account.
    pub azure: AzureConfig,
}

/// The operator's S3 account.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// The region where a destination names none.
    pub region: String,
    /// An S3-compatible store instead of AWS.
    pub endpoint: Option<Url>,
    /// Access key id and secret.
    pub access: Option<(SecretString, SecretString)>,
}

/// The operator's Azure storage account.
#[derive(Debug, Clone)]
pub struct AzureConfig {
    /// Its name and one of its keys.
    pub account: Option<(String, SecretString)>,
    /// Another cloud or an emulator instead of Azure.
    pub endpoint: Option<Url>,
}

impl OutputConfig {
    pub(super) fn read(read: &mut Reading<'_>) -> Self {
        Self {
            export_dir: read.absolute_path("RAIL_EXPORT_DIR"),
            s3: S3Config {
                endpoint: read.parsed("RAIL_S3_ENDPOINT", WEB_URL, web_url),
                access: pair(read, "RAIL_S3_ACCESS_KEY_ID", "RAIL_S3_SECRET_ACCESS_KEY")
                    .map(|(id, secret)| (id.into(), secret)),
                region: read
                    .text("RAIL_S3_REGION")
                    .unwrap_or_else(|| "us-east-1".to_owned()),
            },
            azure: AzureConfig {
                endpoint: read.parsed("RAIL_AZURE_ENDPOINT", WEB_URL, web_url),
                account: pair(read, "RAIL_AZURE_ACCOUNT", "RAIL_AZURE_ACCOUNT_KEY"),
            },
        }
    }
}

/// A name and its secret: both or neither.
fn pair(read: &mut Reading<'_>, name: &str, secret: &str) -> Option<(String, SecretString)> {
    match (read.text(name), read.text(secret)) {
        (Some(text), Some(hidden)) => Some((text, hidden.into())),
        (None, None) => None,
        (Some(_), None) => read.fault(secret, &format!("it goes with {name}")),
        (None, Some(_)) => read.fault(name, &format!("it goes with {secret}")),
    }
}
