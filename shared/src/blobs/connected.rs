//! Places that a connection's credentials open: written to as its owner, not as the operator.

use url::Url;

use super::configured::{Credentials, misconfigured};
use super::{Addressing, AzureKey, AzureSettings, Outputs, S3Keys, S3Settings};
use crate::domain::Failure;

pub(super) fn s3(
    outputs: &Outputs,
    credentials: &Credentials,
    bucket: Option<String>,
    region: Option<String>,
) -> Result<S3Settings, Failure> {
    let endpoint = endpoint(outputs, "s3", credentials)?;
    Ok(S3Settings {
        bucket: given_or(bucket, credentials, "bucket")?,
        prefix: String::new(),
        region: given_or(region, credentials, "region")?,
        addressing: Addressing::at(endpoint.as_ref()),
        endpoint,
        keys: S3Keys {
            access_key_id: needed(credentials, "accessKeyId")?,
            secret_access_key: needed(credentials, "secretAccessKey")?.into(),
            session_token: said(credentials, "sessionToken").map(Into::into),
        },
    })
}

pub(super) fn azure(
    outputs: &Outputs,
    credentials: &Credentials,
    container: Option<String>,
) -> Result<AzureSettings, Failure> {
    let endpoint = endpoint(outputs, "azure_blob", credentials)?;
    let key = match (
        said(credentials, "sasToken"),
        said(credentials, "accountKey"),
    ) {
        (Some(token), _) => AzureKey::Sas(token.into()),
        (None, Some(key)) => AzureKey::Account(key.into()),
        (None, None) => {
            return Err(misconfigured(
                "The connection's credentials lack accountKey or sasToken; add one of them.",
            ));
        }
    };
    Ok(AzureSettings {
        account: needed(credentials, "account")?,
        container: given_or(container, credentials, "container")?,
        key,
        endpoint,
    })
}

/// Where the operator says that a connector's vendor is, else where the connection does.
fn endpoint(
    outputs: &Outputs,
    connector: &str,
    credentials: &Credentials,
) -> Result<Option<Url>, Failure> {
    let operators = outputs.addresses.get(connector).cloned();
    let told = operators.or_else(|| said(credentials, "endpoint"));
    let read = |text: String| {
        Url::parse(&text).map_err(|_| misconfigured("The endpoint is not an http or https URL."))
    };
    told.map(read).transpose()
}

fn said(credentials: &Credentials, name: &str) -> Option<String> {
    let text = credentials.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn needed(credentials: &Credentials, name: &str) -> Result<String, Failure> {
    said(credentials, name)
        .ok_or_else(|| misconfigured(format!("The connection's credentials lack {name}; add it.")))
}

/// What the destination says, else what the connection does.
fn given_or(
    given: Option<String>,
    credentials: &Credentials,
    name: &str,
) -> Result<String, Failure> {
    given.map_or_else(|| needed(credentials, name), Ok)
}

#[cfg(test)]
mod tests;
