//! S3, and stores that speak its protocol. What was read in rust-s3 0.38 and matters here:
//!
//! - Without an access key it would look for keys in the environment and in files, so keys are always given.
//! - A region it does not know it takes for a host name, so the endpoint is always given.
//! - It repeats reads and parts once after a passing failure, nothing else; its time limit covers a whole
//!   request, body included.
//! - It follows redirects and resolves names by itself: where callers may choose an endpoint, check it first.

mod failures;
mod parts;
mod upload;

use std::fmt;
use std::time::Duration;

use futures::{StreamExt, stream};
use s3::creds::Credentials;
use s3::{Bucket, Region};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::io::StreamReader;
use url::Url;
use uuid::Uuid;

pub(super) use self::upload::S3Upload;
use super::{Destination, Reader, key};
use crate::domain::{Failure, FailureKind, Origin};

/// A part of 8 MiB needs 70 kB/s to arrive in time.
const REQUEST_LIMIT: Duration = Duration::from_secs(120);
/// The longest silence while a file is read back.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

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
    bucket: Box<Bucket>,
    prefix: String,
}

impl S3Place {
    /// Opens nothing yet, only checks the settings.
    ///
    /// # Errors
    /// When a setting cannot work; it is named.
    pub fn new(settings: &S3Settings) -> Result<Self, Failure> {
        let prefix = key::prefix(&settings.prefix)?;
        check(settings)?;
        let region = Region::Custom {
            region: settings.region.clone(),
            endpoint: endpoint(settings)?,
        };
        let token = settings.keys.session_token.as_ref();
        let credentials = Credentials::new(
            Some(&settings.keys.access_key_id),
            Some(settings.keys.secret_access_key.expose_secret()),
            None,
            token.map(ExposeSecret::expose_secret),
            None,
        )
        .map_err(|_| Failure::internal())?;
        let mut bucket = Bucket::new(&settings.bucket, region, credentials)
            .map_err(|cause| failures::told(&cause, &settings.bucket))?;
        if in_path(settings) {
            bucket.set_path_style();
        }
        bucket.set_request_timeout(Some(REQUEST_LIMIT));
        Ok(Self { bucket, prefix })
    }

    pub(super) fn begin(&self, key: &str, to: &Destination) -> S3Upload {
        S3Upload::new(self.bucket.clone(), key, self.key(key), to)
    }

    /// Begins an upload and withdraws it: asks for the rights an export needs, and no object comes to be, so nothing
    /// stays where deleting is forbidden and no notification is sent.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let key = self.key(&format!(".probe-{}", Uuid::now_v7().simple()));
        let told = |cause| failures::told(&cause, &self.bucket.name);
        let begun = failures::persist(|| self.bucket.initiate_multipart_upload(&key, "text/plain"))
            .await
            .map_err(told)?;
        failures::persist(|| self.bucket.abort_upload(&key, &begun.upload_id))
            .await
            .map_err(told)
    }

    /// Withdraws an upload in parts. The store knows it no more where it was put together or withdrawn before.
    pub(super) async fn withdraw(&self, key: &str, upload_id: &str) -> Result<(), Failure> {
        let key = self.key(key);
        match failures::persist(|| self.bucket.abort_upload(&key, upload_id)).await {
            Err(cause) if !failures::is_unknown_upload(&cause) => {
                Err(failures::told(&cause, &self.bucket.name))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn open(&self, key: &str) -> Result<(u64, Reader), Failure> {
        let key = self.key(key);
        let told = |cause| failures::told(&cause, &self.bucket.name);
        let (head, _) = self.bucket.head_object(&key).await.map_err(told)?;
        let length = head
            .content_length
            .and_then(|length| u64::try_from(length).ok());
        let bytes = length.ok_or_else(|| {
            Failure::passing(
                Origin::Destination,
                FailureKind::MalformedAnswer,
                "The store did not say how long the file is.",
            )
        })?;
        let mut unhurried = self.bucket.clone();
        unhurried.set_request_timeout(None);
        let body = tokio::time::timeout(SILENCE_LIMIT, unhurried.get_object_stream(&key)).await;
        let body = body.map_err(|_| failures::silent())?.map_err(told)?;
        // The limit counts from the last bytes, so that long files may take their time.
        let chunks =
            stream::try_unfold(body.bytes, async |mut chunks| {
                match tokio::time::timeout(SILENCE_LIMIT, chunks.next()).await {
                    Ok(Some(chunk)) => Ok(Some((chunk.map_err(std::io::Error::other)?, chunks))),
                    Ok(None) => Ok(None),
                    Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
                }
            });
        Ok((bytes, Box::pin(StreamReader::new(Box::pin(chunks)))))
    }

    pub(super) async fn link(&self, key: &str, valid: Duration) -> Result<String, Failure> {
        let seconds = u32::try_from(valid.as_secs()).map_err(|_| Failure::internal())?;
        let link = self.bucket.presign_get(self.key(key), seconds, None).await;
        link.map_err(|cause| failures::told(&cause, &self.bucket.name))
    }

    pub(super) fn locate(&self, key: &str) -> String {
        format!("s3://{}/{}", self.bucket.name, self.key(key))
    }

    fn key(&self, key: &str) -> String {
        key::below(&self.prefix, key)
    }
}

/// Without the keys.
impl fmt::Debug for S3Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Place")
            .field("url", &self.bucket.url())
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
