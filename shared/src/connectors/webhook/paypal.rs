//! PayPal's proof: RSA over `id|time|webhook id|CRC-32 of the body`, by a certificate whose place a header names.
//!
//! The certificate is believed because of where it was had from: over TLS from one of PayPal's own hosts, whose names are in
//! the connector's file. No redirect is followed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use url::Url;

use super::keys::Key;
use super::{NotTaken, Notice, x509};
use crate::connectors::times::TimeFormat;
use crate::domain::{Failure, FailureKind, Origin};
use crate::http::{Http, Request};
use crate::secrets::is_rsa_sha256;

const ALGORITHM: &str = "SHA256withRSA";

/// The headers of a notice.
pub(super) struct Transmission<'d> {
    id: &'d str,
    time: &'d str,
    pub certificate: &'d str,
    signature: Vec<u8>,
}

impl<'d> Transmission<'d> {
    /// Reads them; `None` where one is missing or no signature of this kind.
    pub(super) fn of(notice: &'d Notice<'_>) -> Option<Self> {
        if notice.header("paypal-auth-algo") != Some(ALGORITHM) {
            return None;
        }
        let signature = notice.header("paypal-transmission-sig")?;
        Some(Self {
            id: notice.header("paypal-transmission-id")?,
            time: notice.header("paypal-transmission-time")?,
            certificate: notice.header("paypal-cert-url")?,
            signature: STANDARD.decode(signature).ok()?,
        })
    }

    /// When it was sent, by its own word.
    pub(super) fn time(&self) -> Option<DateTime<Utc>> {
        TimeFormat::Rfc3339.read(self.time)
    }

    /// Whether this key signed it, for this webhook and this body.
    pub(super) fn check(
        &self,
        key: &Key,
        webhook_id: &str,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), NotTaken> {
        let Key::Rsa(certificate) = key else {
            return Err(NotTaken::Forged);
        };
        let sum = crc32fast::hash(body);
        let message = format!("{}|{}|{webhook_id}|{sum}", self.id, self.time);
        let right = is_rsa_sha256(&certificate.key, message.as_bytes(), &self.signature)
            && certificate.is_valid_at(now);
        if right { Ok(()) } else { Err(NotTaken::Forged) }
    }
}

/// Whether a certificate may be had from there: below one of these URLs, or, with the same path, at the base URL that the
/// operator gave.
pub(super) fn is_certificate(url: &str, places: &[String], operators_url: Option<&str>) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    // What was parsed is compared: dots in the path are resolved, and the port that need not be named is not there.
    let bare = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    // A name and no more: what else may be below that place, or where an escaped slash leads to, we do not know.
    let is_name = |rest: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !rest.is_empty() && rest.bytes().all(plain)
    };
    let is_below = |place: &Url| {
        let name = url.path().strip_prefix(place.path());
        url.origin() == place.origin() && name.is_some_and(is_name)
    };
    let mut known = places.iter().filter_map(|place| Url::parse(place).ok());
    let mut operators = known.clone().filter_map(|place| {
        let mut url = Url::parse(operators_url?).ok()?;
        url.set_path(place.path());
        Some(url)
    });
    bare && (known.any(|place| is_below(&place)) || operators.any(|place| is_below(&place)))
}

/// Has a certificate; `None` when there is none, or one that is of no use.
pub(super) async fn fetch(http: &Http, url: &str) -> Result<Option<Key>, Failure> {
    let passing = |message: &str| {
        Failure::passing(Origin::Vendor, FailureKind::Unavailable, message.to_owned())
    };
    let answer = http.send(Request::get(url)).await;
    let answer = answer.map_err(|_| passing("PayPal's certificate cannot be had just now."))?;
    match answer.status {
        200 => {
            let certificate = std::str::from_utf8(&answer.body).ok();
            Ok(certificate
                .and_then(x509::Certificate::of_pem)
                .map(Key::Rsa))
        }
        400..=428 | 430..=499 => Ok(None),
        _ => Err(passing("PayPal does not give its certificate just now.")),
    }
}
