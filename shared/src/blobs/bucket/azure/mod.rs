//! Requests to a container of Azure Blob Storage: signed with the account's key, or opened by a SAS token.

mod shared_key;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::shared_key::SharedKey;
use super::Addresses;
use super::refusal::Store;
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::{Method, Request};

/// The version of the protocol that we speak: the first in which names that XML cannot hold come escaped is older, and
/// emulators know this one.
const VERSION: &str = "2023-11-03";

/// What it takes to reach a container.
#[derive(Debug, Clone)]
pub struct AzureSettings {
    /// The storage account's name.
    pub account: String,
    /// The container's name.
    pub container: String,
    /// Who asks.
    pub key: AzureKey,
    /// The store's URL, when it is not Azure's own; without a path, the account's name is put into it.
    pub endpoint: Option<Url>,
}

/// What opens a container.
#[derive(Debug, Clone)]
pub enum AzureKey {
    /// One of the account's two keys, in Base64.
    Account(SecretString),
    /// A shared access signature: the query of a URL.
    Sas(SecretString),
}

/// A container.
#[derive(Debug, Clone)]
pub(in crate::blobs) struct Container {
    name: String,
    /// Its own, without a slash at its end.
    base: String,
    opens: Opens,
}

#[derive(Debug, Clone)]
enum Opens {
    Key(SharedKey),
    Sas(Vec<(String, SecretString)>),
}

impl Container {
    pub(in crate::blobs) fn new(settings: AzureSettings) -> Result<Self, Failure> {
        let AzureSettings {
            account,
            container,
            key,
            endpoint,
        } = settings;
        let is_account = (3..=24).contains(&account.len())
            && account
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !is_account {
            return Err(misconfigured(
                "The storage account's name is 3 to 24 lower-case letters and digits.",
            ));
        }
        let is_container = !container.is_empty()
            && container.len() <= 63
            && container
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-$".contains(&b));
        if !is_container {
            return Err(misconfigured(
                "The container's name is lower-case letters, digits and hyphens.",
            ));
        }
        let place = place(&account, endpoint.as_ref())?;
        let opens = match key {
            AzureKey::Account(key) => {
                Opens::Key(SharedKey::new(&account, &key).ok_or_else(|| {
                    misconfigured(
                        "The account key is not Base64. Copy it again, with the = at its end.",
                    )
                })?)
            }
            AzureKey::Sas(token) => Opens::Sas(sas(&token)?),
        };
        Ok(Self {
            base: format!("{place}/{container}"),
            name: container,
            opens,
        })
    }

    pub(super) fn store(&self) -> Store<'_> {
        Store {
            name: "Azure Blob Storage",
            place: "container",
            placed: &self.name,
            list_right: "the right to list (l in a SAS token's sp)",
            read_right: "the right to read (r in a SAS token's sp)",
        }
    }

    pub(super) fn addresses(&self) -> Addresses<'_> {
        Addresses {
            base: &self.base,
            list: "?comp=list&restype=container",
            at_most: "maxresults",
            from: "marker",
        }
    }

    /// The container's own URL, without a slash at its end.
    pub(in crate::blobs) fn base(&self) -> &str {
        &self.base
    }

    /// Its name.
    pub(in crate::blobs) fn name(&self) -> &str {
        &self.name
    }

    /// A request that proves who asks; `None` where something cannot be signed.
    pub(in crate::blobs) fn opened(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
        now: DateTime<Utc>,
    ) -> Option<Request> {
        let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let own = [("x-ms-date", date.as_str()), ("x-ms-version", VERSION)];
        let headers: Vec<(&str, &str)> = own.iter().chain(headers).copied().collect();
        let body_bytes = body.as_ref().map_or(0, Bytes::len);
        let mut request = Request::new(method, url);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        Some(match &self.opens {
            Opens::Key(key) => {
                let url = Url::parse(url).ok()?;
                let authorization = key.sign(method.as_str(), &url, &headers, body_bytes)?;
                request.secret_header("Authorization", authorization)
            }
            Opens::Sas(pairs) => pairs.iter().fold(request, |request, (name, value)| {
                request.secret_query(name, value.clone())
            }),
        })
    }
}

impl Container {
    /// The query that makes a blob readable until then: a service SAS, which only the account's key can sign.
    pub(in crate::blobs) fn readable_until(
        &self,
        key: &str,
        until: DateTime<Utc>,
    ) -> Option<String> {
        let Opens::Key(opens) = &self.opens else {
            return None;
        };
        let until = until.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let resource = format!("/blob/{}/{}/{key}", opens.account(), self.name);
        // What is left out stands for: from now on, no policy, any address, http too, and the answer's headers as stored.
        let signed = [
            "r", "", &until, &resource, "", "", "", VERSION, "b", "", "", "", "", "", "", "",
        ];
        let signature = opens.signature(&signed.join("\n"))?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("sv", VERSION)
            .append_pair("sr", "b")
            .append_pair("sp", "r")
            .append_pair("se", &until)
            .append_pair("sig", &signature);
        Some(query.finish())
    }
}

/// Where Azure itself has an account, without a slash at its end.
pub(in crate::blobs) fn azure_url(account: &str) -> String {
    format!("https://{account}.blob.core.windows.net")
}

/// The account's own URL, without a slash at its end.
fn place(account: &str, endpoint: Option<&Url>) -> Result<String, Failure> {
    let Some(url) = endpoint else {
        return Ok(azure_url(account));
    };
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain {
        return Err(misconfigured(
            "The endpoint is an http or https URL without user, query and fragment.",
        ));
    }
    let names_account = url
        .host_str()
        .is_some_and(|host| host.starts_with(&format!("{account}.")));
    let text = url.as_str().trim_end_matches('/');
    // Emulators have the account's name in the path.
    if url.path() == "/" && !names_account {
        return Ok(format!("{text}/{account}"));
    }
    Ok(text.to_owned())
}

/// The parameters of a SAS token.
fn sas(token: &SecretString) -> Result<Vec<(String, SecretString)>, Failure> {
    let text = token.expose_secret().trim().trim_start_matches('?');
    let pairs: Vec<(String, SecretString)> =
        url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect();
    if pairs.iter().any(|(name, _)| name == "sig") {
        return Ok(pairs);
    }
    Err(misconfigured(
        "The SAS token holds no signature (sig=…). Copy all of it, without the URL before the question mark.",
    ))
}

fn misconfigured(message: &str) -> Failure {
    Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
}
