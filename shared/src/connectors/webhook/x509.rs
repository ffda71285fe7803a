//! What is needed of a certificate: its RSA key, and for how long it is valid.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const LONG_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version, which may be left out.
const VERSION: u8 = 0xa0;
/// 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// What is needed of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    /// A DER-encoded `RSAPublicKey`.
    pub key: Arc<[u8]>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Certificate {
    /// The first certificate in a text; `None` when it is none, or not of an RSA key.
    pub(super) fn of_pem(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
        let (inside, _) = rest.split_once("-----END CERTIFICATE-----")?;
        let encoded: String = inside.split_ascii_whitespace().collect();
        Self::of_der(&STANDARD.decode(encoded).ok()?)
    }

    fn of_der(der: &[u8]) -> Option<Self> {
        let mut certificate = Der(Der(der).take(SEQUENCE)?);
        let mut signed = Der(certificate.take(SEQUENCE)?);
        if signed.0.first() == Some(&VERSION) {
            signed.take(VERSION)?;
        }
        signed.take(INTEGER)?; // the serial number
        signed.take(SEQUENCE)?; // the algorithm
        signed.take(SEQUENCE)?; // who issued it
        let mut validity = Der(signed.take(SEQUENCE)?);
        signed.take(SEQUENCE)?; // whose it is
        let mut key = Der(signed.take(SEQUENCE)?);
        let mut algorithm = Der(key.take(SEQUENCE)?);
        if algorithm.take(OBJECT_ID)? != RSA {
            return None;
        }
        // The first byte of a bit string tells how many bits of the last are not used.
        let (0, key) = key
            .take(BIT_STRING)?
            .split_first()
            .map(|(n, key)| (*n, key))?
        else {
            return None;
        };
        Some(Self {
            key: key.into(),
            from: validity.time()?,
            until: validity.time()?,
        })
    }

    pub(super) fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        (self.from..=self.until).contains(&now)
    }
}

/// DER, from the front.
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    /// The content of the next value, which has this tag.
    fn take(&mut self, tag: u8) -> Option<&'d [u8]> {
        let (found, rest) = self.0.split_first()?;
        if *found != tag {
            return None;
        }
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = digits
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The next value, a time.
    fn time(&mut self) -> Option<DateTime<Utc>> {
        let tag = *self.0.first()?;
        let text = std::str::from_utf8(self.take(tag)?).ok()?;
        let long = match tag {
            // Two digits of the year: up to 49 they are of this century (RFC 5280).
            UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
            UTC_TIME => format!("19{text}"),
            LONG_TIME => text.to_owned(),
            _ => return None,
        };
        let time = NaiveDateTime::parse_from_str(&long, "%Y%m%d%H%M%SZ").ok()?;
        Some(time.and_utc())
    }
}
