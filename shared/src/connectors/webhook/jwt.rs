//! Plaid's proof: a JWT (ES256) that holds the hash of the body, by a key that Plaid tells for its id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::NotTaken;
use super::keys::Key;
use crate::connectors::Source;
use crate::connectors::draft::Draft;
use crate::connectors::file::KeyCall;
use crate::domain::{Failure, FailureKind, Origin};
use crate::secrets::{P256Point, from_hex, is_es256, same, sha256};

const ALGORITHM: &str = "ES256";
/// Ids of keys are UUIDs; nothing longer or stranger is asked for.
const LONGEST_KID: usize = 64;

/// A token, taken apart and not yet believed.
pub(super) struct Jwt<'t> {
    kid: String,
    /// What is signed: header and claims as they came.
    message: &'t str,
    claims: Value,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    /// Extensions that must be understood: none is.
    crit: Option<Value>,
}

impl<'t> Jwt<'t> {
    /// Takes a token apart; `None` for what is none, or of another algorithm.
    pub(super) fn parse(token: Option<&'t str>) -> Option<Self> {
        let (message, signature) = token?.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let good = header.alg == ALGORITHM
            && header.crit.is_none()
            && (1..=LONGEST_KID).contains(&header.kid.len())
            && header.kid.bytes().all(plain);
        if !good {
            return None;
        }
        Some(Self {
            kid: header.kid,
            message,
            claims: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// The id of the key that is said to have signed it.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// When it was made, by its own word.
    pub(super) fn issued_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.claims.get("iat")?.as_i64()?, 0)
    }

    /// Whether this key signed it, for this body.
    pub(super) fn check(
        &self,
        key: &Key,
        body_sha256: &str,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), NotTaken> {
        let Key::P256 { point, expired_at } = key else {
            return Err(NotTaken::Forged);
        };
        let claimed = self.claims.get(body_sha256).and_then(Value::as_str);
        let claimed = claimed.and_then(from_hex).unwrap_or_default();
        let right = is_es256(point, self.message.as_bytes(), &self.signature)
            && same(&sha256(body), &claimed)
            && expired_at.is_none_or(|expired| now < expired);
        if right { Ok(()) } else { Err(NotTaken::Forged) }
    }
}

/// Asks the vendor for a key; `None` when it has none of this id, or one that is of no use.
pub(super) async fn fetch(
    source: &Source,
    call: &KeyCall,
    kid: &str,
) -> Result<Option<Key>, Failure> {
    let mut draft = Draft::get(&call.path);
    (draft.verb, draft.body) = (call.method, call.body.clone());
    draft.word("kid", kid);
    let exchange = source.exchange()?;
    let exchanged = exchange.send(&draft).await?;
    if let Some(failure) = exchange.failure(&exchanged) {
        return match failure.kind {
            FailureKind::Refused | FailureKind::NotFound => Ok(None),
            _ => Err(failure),
        };
    }
    let answer: Value = serde_json::from_slice(&exchanged.answer.body).map_err(|_| {
        let message = format!("{}'s answer with a key is not JSON.", exchange.name);
        Failure::passing(Origin::Vendor, FailureKind::MalformedAnswer, message)
    })?;
    Ok(answer
        .pointer(&call.at.to_string())
        .and_then(|jwk| of_jwk(jwk, kid)))
}

/// A JWK as a key.
fn of_jwk(jwk: &Value, kid: &str) -> Option<Key> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let is = |name: &str, value: &str| text(name).is_none_or(|found| found == value);
    let right = text("kty") == Some("EC") && text("crv") == Some("P-256");
    if !(right && is("alg", ALGORITHM) && is("use", "sig") && is("kid", kid)) {
        return None;
    }
    let coordinate = |name| URL_SAFE_NO_PAD.decode(text(name)?).ok()?.try_into().ok();
    let expired_at = jwk.get("expired_at").and_then(Value::as_i64);
    Some(Key::P256 {
        point: P256Point {
            x: coordinate("x")?,
            y: coordinate("y")?,
        },
        expired_at: expired_at.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
    })
}
