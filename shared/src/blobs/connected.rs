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
    let operators = operators_url(outputs, "s3")?;
    // rust-s3 resolves names and follows redirects out of the guard's sight: where a caller chose the host, that may lead
    // inside a network. Amazon's own hosts are not the caller's choice.
    if operators.is_none() && said(credentials, "endpoint").is_some() {
        return Err(misconfigured(
            "A connection with an endpoint of its own cannot be written to: for S3 destinations, only Amazon's is kept \
             from leading into private networks. Use a connection without endpoint, or let the operator name the \
             endpoint (RAIL_CONNECTOR_S3_BASE_URL).",
        ));
    }
    Ok(S3Settings {
        bucket: given_or(bucket, credentials, "bucket")?,
        prefix: String::new(),
        region: given_or(region, credentials, "region")?,
        addressing: Addressing::at(operators.as_ref()),
        endpoint: operators,
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
    let callers = said(credentials, "endpoint")
        .map(|text| url(&text))
        .transpose()?;
    let endpoint = operators_url(outputs, "azure_blob")?.or(callers);
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

/// Where the operator says that a connector's vendor is.
fn operators_url(outputs: &Outputs, connector: &str) -> Result<Option<Url>, Failure> {
    let told = outputs.addresses.get(connector);
    told.map(|text| url(text)).transpose()
}

fn url(text: &str) -> Result<Url, Failure> {
    Url::parse(text).map_err(|_| misconfigured("The endpoint is not an http or https URL."))
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
