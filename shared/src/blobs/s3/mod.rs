//! S3, and stores that speak its protocol, written to by the client that also reads them ([`super::bucket`]). rust-s3
//! signs, and sends nothing.
//!
//! Parts that were sent and not put together are paid for until somebody withdraws their upload: each is noted before.

mod failures;
mod parts;
mod signer;
mod store;
mod upload;

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

pub(super) use self::signer::{Payload, Signer};
use self::store::ObjectStore;
pub(super) use self::upload::S3Upload;
use super::bucket::Bucket;
use super::unwritten::{self, Waits};
use super::{Destination, Reader, key};
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::Http;

/// What it takes to reach a bucket.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// The bucket's name.
    pub bucket: String,
    /// What every key begins with; slashes around it mean nothing.
    pub prefix: String,
    /// The region, for example `eu-central-1`.
    pub region: String,
    /// The store's URL, when it is not Amazon's.
    pub endpoint: Option<Url>,
    /// Where the bucket's name stands.
    pub addressing: Addressing,
    /// Who writes.
    pub keys: S3Keys,
}

/// Where the bucket's name stands in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://bucket.host/key`, as Amazon wants it.
    VirtualHosted,
    /// `https://host/bucket/key`, as most other stores want it.
    Path,
}

impl Addressing {
    /// The usual one: that of other stores where an endpoint is named.
    #[must_use]
    pub fn at(endpoint: Option<&Url>) -> Self {
        match endpoint {
            Some(_) => Self::Path,
            None => Self::VirtualHosted,
        }
    }
}

/// An access key.
#[derive(Debug, Clone)]
pub struct S3Keys {
    /// Its public half.
    pub access_key_id: String,
    /// Its secret half.
    pub secret_access_key: SecretString,
    /// For temporary keys.
    pub session_token: Option<SecretString>,
}

/// A bucket, and a prefix in it.
#[derive(Clone)]
pub struct S3Place {
    store: ObjectStore,
    /// The same bucket, to be read.
    bucket: Bucket,
    prefix: String,
}

impl S3Place {
    /// Opens nothing yet, only checks the settings. Requests go through `http`, which should grant a part of 8 MiB the
    /// time it needs.
    ///
    /// # Errors
    /// When a setting cannot work; it is named.
    pub fn new(settings: S3Settings, http: Http) -> Result<Self, Failure> {
        Ok(Self {
            prefix: key::prefix(&settings.prefix)?,
            store: ObjectStore::new(&settings, http.clone())?,
            bucket: Bucket::s3(settings, http)?,
        })
    }

    pub(super) fn begin(&self, key: &str, to: &Destination) -> Result<S3Upload, Failure> {
        S3Upload::new(self.store.clone(), key, self.key(key), to)
    }

    /// Begins an upload and withdraws it: asks for the rights an export needs, and no object comes to be, so nothing
    /// stays where deleting is forbidden and no notification is sent.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let key = self.key(&format!(".probe-{}", Uuid::now_v7().simple()));
        let store = self.store.clone().waiting(Waits::SHORT);
        let url = store.url(&key)?;
        let told = |cause| store.told(&cause);
        let begun = store.begin(&url, "text/plain").await.map_err(told)?;
        store.withdraw(&url, &begun).await.map_err(told)
    }

    /// Withdraws an upload in parts, unless it is over.
    pub(super) async fn withdraw(&self, key: &str, upload_id: &str) -> Result<(), Failure> {
        let url = self.store.url(&self.key(key))?;
        let withdrawn = self.store.withdraw(&url, upload_id).await;
        withdrawn.map_err(|cause| self.store.told(&cause))
    }

    pub(super) async fn open(&self, key: &str) -> Result<(u64, Reader), Failure> {
        self.bucket.open(&self.key(key)).await.map_err(|cause| {
            let place = format!("bucket {:?}", self.store.bucket());
            unwritten::not_read(cause, &place, &failures::unreachable(self.store.base()))
        })
    }

    pub(super) fn link(&self, key: &str, valid: Duration) -> Result<String, Failure> {
        self.store.link(&self.key(key), valid)
    }

    pub(super) fn locate(&self, key: &str) -> String {
        format!("s3://{}/{}", self.store.bucket(), self.key(key))
    }

    fn key(&self, key: &str) -> String {
        key::below(&self.prefix, key)
    }
}

/// Without the keys.
impl fmt::Debug for S3Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Place")
            .field("url", &self.store.base())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// The bucket's own URL, without a slash at its end.
///
/// # Errors
/// When a setting cannot work; it is named.
pub(super) fn base_url(settings: &S3Settings) -> Result<String, Failure> {
    check(settings)?;
    let (endpoint, bucket) = (endpoint(settings)?, &settings.bucket);
    Ok(match endpoint.split_once("://") {
        Some((scheme, host)) if !in_path(settings) => format!("{scheme}://{bucket}.{host}"),
        _ => format!("{endpoint}/{bucket}"),
    })
}

fn check(settings: &S3Settings) -> Result<(), Failure> {
    if !is_bucket_name(&settings.bucket) {
        return Err(misconfigured(
            "The bucket's name is 3 to 63 lower-case letters, digits, dots and hyphens.",
        ));
    }
    if !is_region(&settings.region) {
        return Err(misconfigured(
            "The region is made of lower-case letters, digits and hyphens, for example eu-central-1.",
        ));
    }
    if settings.keys.access_key_id.is_empty() {
        return Err(misconfigured("The access key id is empty."));
    }
    Ok(())
}

/// Whether the bucket's name stands in the path: a dot in it would not fit Amazon's certificate.
fn in_path(settings: &S3Settings) -> bool {
    settings.addressing == Addressing::Path || settings.bucket.contains('.')
}

fn endpoint(settings: &S3Settings) -> Result<String, Failure> {
    let Some(url) = &settings.endpoint else {
        let region = &settings.region;
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        return Ok(format!("https://s3.{region}.amazonaws.com{suffix}"));
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
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_bucket_name(name: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        && is_edge(name.as_bytes().first())
        && is_edge(name.as_bytes().last())
        && !name.contains("..")
}

fn is_region(region: &str) -> bool {
    (1..=40).contains(&region.len())
        && region
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn misconfigured(message: &str) -> Failure {
    Failure::lasting(Origin::Configuration, FailureKind::Misconfigured, message)
}

#[cfg(test)]
mod tests;
