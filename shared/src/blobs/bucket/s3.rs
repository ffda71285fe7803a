//! Reading a bucket: requests signed with Signature Version 4. rust-s3 signs, our own client sends, because rust-s3's would
//! follow redirects and resolve names past the guard.

use ::s3::{Region, signing};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use sha2::Sha256;
use time::OffsetDateTime;
use url::Url;

use super::Addresses;
use super::refusal::Store;
use crate::blobs::s3::{S3Settings, base_url};
use crate::domain::Failure;
use crate::http::Request;

/// The SHA-256 of a body that is empty.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A bucket that is read.
#[derive(Debug, Clone)]
pub(super) struct S3Bucket {
    /// The bucket's own, without a slash at its end.
    base: String,
    region: Region,
    settings: S3Settings,
}

impl S3Bucket {
    pub(super) fn new(settings: S3Settings) -> Result<Self, Failure> {
        let base = base_url(&settings)?;
        let region = Region::Custom {
            region: settings.region.clone(),
            endpoint: String::new(),
        };
        Ok(Self {
            base,
            region,
            settings,
        })
    }

    pub(super) fn store(&self) -> Store<'_> {
        Store {
            name: "Amazon S3",
            place: "bucket",
            placed: &self.settings.bucket,
            list_right: "s3:ListBucket",
            read_right: "s3:GetObject",
        }
    }

    /// A listing goes on after a key: S3 lists in the order of keys, and a key, unlike a continuation token, never dies.
    pub(super) fn addresses(&self) -> Addresses<'_> {
        Addresses {
            base: &self.base,
            list: "/?encoding-type=url&list-type=2",
            at_most: "max-keys",
            from: "start-after",
        }
    }

    /// `None` where something cannot be a header.
    pub(super) fn signed(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        now: DateTime<Utc>,
    ) -> Option<Request> {
        let keys = &self.settings.keys;
        let parsed = Url::parse(url).ok()?;
        let host = match (parsed.host_str()?, parsed.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let at = OffsetDateTime::from_unix_timestamp(now.timestamp()).ok()?;
        let date = now.format("%Y%m%dT%H%M%SZ").to_string();
        let token = keys.session_token.as_ref().map(ExposeSecret::expose_secret);
        let mut signed = HeaderMap::new();
        signed.insert(HOST, HeaderValue::from_str(&host).ok()?);
        let own = [("x-amz-content-sha256", EMPTY), ("x-amz-date", &date)];
        let token = token.map(|token| ("x-amz-security-token", token));
        for (name, value) in own.iter().chain(&token).chain(headers) {
            let name = HeaderName::try_from(*name).ok()?;
            signed.insert(name, HeaderValue::from_str(value).ok()?);
        }
        let canonical = signing::canonical_request("GET", &parsed, &signed, EMPTY).ok()?;
        let to_sign = signing::string_to_sign(&at, &self.region, &canonical).ok()?;
        let secret = keys.secret_access_key.expose_secret();
        let key = signing::signing_key(&at, secret, &self.region, "s3").ok()?;
        let mut signer = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        signer.update(to_sign.as_bytes());
        let signature = format!("{:x}", signer.finalize().into_bytes());
        let names = signing::signed_header_string(&signed);
        let authorization = signing::authorization_header(
            &keys.access_key_id,
            &at,
            &self.region,
            &names,
            &signature,
        );
        let mut request = Request::get(url);
        for (name, value) in own.iter().chain(headers) {
            request = request.header(*name, *value);
        }
        if let Some((name, token)) = token {
            request = request.secret_header(name, token.into());
        }
        Some(request.secret_header("authorization", authorization.ok()?.into()))
    }
}
