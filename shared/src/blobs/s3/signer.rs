//! Signature Version 4, by rust-s3's means, for whoever reads a bucket and whoever writes to it. Our own client sends:
//! rust-s3's would follow redirects and resolve names past the guard, and copy each part several times.

use std::fmt;
use std::time::Duration;

use ::s3::{Region, signing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use url::Url;

use super::{S3Keys, S3Settings};
use crate::http::{Method, Request};

/// What stands for the digest of what a link's user sends: nothing.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What a request brings, and the digest that its signature covers: made once, however often it is sent.
#[derive(Clone)]
pub(in crate::blobs) struct Payload {
    bytes: Bytes,
    sha256: String,
}

impl Payload {
    /// Its MD5, as a header has it.
    pub(super) fn md5(&self) -> String {
        STANDARD.encode(*md5::compute(&self.bytes))
    }

    /// The bytes again.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// Without the bytes, which are somebody's records.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.len();
        f.debug_struct("Payload")
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        let sha256 = format!("{:x}", Sha256::digest(&bytes));
        Self { bytes, sha256 }
    }
}

/// Signs with an access key, for a region.
#[derive(Debug, Clone)]
pub(in crate::blobs) struct Signer {
    keys: S3Keys,
    region: Region,
}

impl Signer {
    pub(in crate::blobs) fn new(settings: &S3Settings) -> Self {
        let region = Region::Custom {
            region: settings.region.clone(),
            endpoint: String::new(),
        };
        Self {
            keys: settings.keys.clone(),
            region,
        }
    }

    /// A request that proves who asks; `None` where something cannot be a header.
    pub(in crate::blobs) fn signed(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        payload: &Payload,
        now: DateTime<Utc>,
    ) -> Option<Request> {
        let parsed = Url::parse(url).ok()?;
        let at = OffsetDateTime::from_unix_timestamp(now.timestamp()).ok()?;
        let date = now.format("%Y%m%dT%H%M%SZ").to_string();
        let digest = payload.sha256.as_str();
        let own = [("x-amz-content-sha256", digest), ("x-amz-date", &date)];
        let token = self.token().map(|token| ("x-amz-security-token", token));
        let mut signed = with_host(&parsed)?;
        for (name, value) in own.iter().chain(&token).chain(headers) {
            let name = HeaderName::try_from(*name).ok()?;
            signed.insert(name, HeaderValue::from_str(value).ok()?);
        }
        let signature = self.signature(method, &parsed, &signed, digest, &at)?;
        let id = &self.keys.access_key_id;
        let names = signing::signed_header_string(&signed);
        let authorization =
            signing::authorization_header(id, &at, &self.region, &names, &signature).ok()?;
        let mut request = Request::new(method, url);
        for (name, value) in own.iter().chain(headers) {
            request = request.header(*name, *value);
        }
        if let Some((name, token)) = token {
            request = request.secret_header(name, token.into());
        }
        if matches!(method, Method::Put | Method::Post) {
            request = request.body(payload.bytes.clone());
        }
        Some(request.secret_header("authorization", authorization.into()))
    }

    /// The same URL, which reads an object for whoever has it until it expires; `None` where it cannot be signed.
    pub(super) fn link(&self, url: &str, valid: Duration, now: DateTime<Utc>) -> Option<String> {
        let at = OffsetDateTime::from_unix_timestamp(now.timestamp()).ok()?;
        let (id, seconds) = (&self.keys.access_key_id, valid.as_secs().try_into().ok()?);
        let token = self.token().map(str::to_owned);
        let (region, token) = (&self.region, token.as_ref());
        let query =
            signing::authorization_query_params_no_sig(id, &at, region, seconds, None, token);
        let link = format!("{url}{}", query.ok()?);
        let parsed = Url::parse(&link).ok()?;
        let signature =
            self.signature(Method::Get, &parsed, &with_host(&parsed)?, UNSIGNED, &at)?;
        Some(format!("{link}&X-Amz-Signature={signature}"))
    }

    fn signature(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        digest: &str,
        at: &OffsetDateTime,
    ) -> Option<String> {
        let canonical = signing::canonical_request(method.as_str(), url, headers, digest).ok()?;
        let to_sign = signing::string_to_sign(at, &self.region, &canonical).ok()?;
        let secret = self.keys.secret_access_key.expose_secret();
        let key = signing::signing_key(at, secret, &self.region, "s3").ok()?;
        let mut signer = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        signer.update(to_sign.as_bytes());
        Some(format!("{:x}", signer.finalize().into_bytes()))
    }

    fn token(&self) -> Option<&str> {
        let token = self.keys.session_token.as_ref();
        token.map(ExposeSecret::expose_secret)
    }
}

/// The header that clients send by themselves.
fn with_host(url: &Url) -> Option<HeaderMap> {
    let host = match (url.host_str()?, url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let host = HeaderValue::from_str(&host).ok()?;
    Some(HeaderMap::from_iter([(HOST, host)]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::blobs::Addressing;

    /// The one of Amazon's examples.
    fn signer() -> Signer {
        Signer::new(&S3Settings {
            bucket: "examplebucket".to_owned(),
            prefix: String::new(),
            region: "us-east-1".to_owned(),
            endpoint: None,
            addressing: Addressing::VirtualHosted,
            keys: S3Keys {
                access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
                session_token: None,
            },
        })
    }

    fn then() -> DateTime<Utc> {
        "2013-05-24T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn amazons_examples_get_amazons_signatures() {
        let at = OffsetDateTime::from_unix_timestamp(then().timestamp()).unwrap();
        let signature =
            |method, url: &str, headers: &[(&'static str, &str)], body: &'static str| {
                let payload = Payload::from(Bytes::from_static(body.as_bytes()));
                let url = Url::parse(url).unwrap();
                let mut signed = with_host(&url).unwrap();
                let own = [
                    ("x-amz-content-sha256", payload.sha256.as_str()),
                    ("x-amz-date", "20130524T000000Z"),
                ];
                for (name, value) in own.iter().chain(headers) {
                    signed.insert(*name, HeaderValue::from_str(value).unwrap());
                }
                let signature = signer().signature(method, &url, &signed, &payload.sha256, &at);
                signature.unwrap()
            };
        let base = "https://examplebucket.s3.amazonaws.com";
        assert_eq!(
            signature(
                Method::Get,
                &format!("{base}/test.txt"),
                &[("range", "bytes=0-9")],
                ""
            ),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let headers = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        let url = format!("{base}/test%24file.text");
        assert_eq!(
            signature(Method::Put, &url, &headers, "Welcome to Amazon S3."),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            signature(Method::Get, &format!("{base}/?lifecycle"), &[], ""),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
    }

    #[test]
    fn amazons_example_of_a_link_is_ours() {
        let link = signer().link(
            "https://examplebucket.s3.amazonaws.com/test.txt",
            Duration::from_secs(86_400),
            then(),
        );
        assert_eq!(
            link.unwrap(),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }
}
