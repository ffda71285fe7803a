//! Notices that are signed with a secret both sides know.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use super::{NotTaken, Notice, fresh};
use crate::connectors::Session;
use crate::connectors::file::{Piece, Signature, Written};
use crate::secrets::{alternatives, from_hex, is_hmac_sha256};

/// Signatures in one header: Stripe sends two while a secret is rolled.
const AT_MOST: usize = 8;

pub(super) fn check(
    rules: &Signature,
    session: &Session,
    notice: &Notice<'_>,
    now: DateTime<Utc>,
) -> Result<(), NotTaken> {
    let Signature::HmacSha256 {
        credential,
        header,
        field,
        written,
        over,
        time,
    } = rules
    else {
        return Err(NotTaken::Unsigned);
    };
    let secret = session
        .credential(credential)
        .filter(|secret| alternatives(secret).next().is_some())
        .ok_or_else(|| NotTaken::Lacks(credential.clone()))?;
    let signed = notice.header(header).unwrap_or_default();
    let time_text = time.as_ref().map(|time| match (&time.field, &time.header) {
        (Some(field), _) => fields(signed, field).next().unwrap_or_default(),
        (None, Some(header)) => notice.header(header).unwrap_or_default(),
        (None, None) => "",
    });
    let message: Vec<&[u8]> = over
        .0
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.as_bytes(),
            Piece::Body => notice.body,
            Piece::Time => time_text.unwrap_or_default().as_bytes(),
            Piece::Method => notice.method.as_bytes(),
            Piece::Url => notice.url.as_bytes(),
        })
        .collect();
    let whole = field.is_none().then_some(signed);
    let named = field.iter().flat_map(|field| fields(signed, field));
    let signatures: Vec<Vec<u8>> = named
        .chain(whole)
        .take(AT_MOST)
        .filter_map(|text| read(*written, text))
        .collect();
    let is_right = |secret: &str| {
        let of_secret = |signature: &Vec<u8>| is_hmac_sha256(secret, &message, signature);
        signatures.iter().any(of_secret)
    };
    if !alternatives(secret).any(is_right) {
        return Err(NotTaken::Forged);
    }
    match (time, time_text) {
        (Some(time), Some(text)) => fresh(time.format.read(text), time.within_seconds, now),
        _ => Ok(()),
    }
}

/// The values of this name in `name=value,name=value`.
fn fields<'h>(header: &'h str, name: &str) -> impl Iterator<Item = &'h str> {
    header.split(',').filter_map(move |field| {
        let (found, value) = field.trim().split_once('=')?;
        (found == name).then_some(value)
    })
}

fn read(written: Written, text: &str) -> Option<Vec<u8>> {
    match written {
        Written::Hex => from_hex(text),
        Written::Base64 => STANDARD.decode(text).ok(),
    }
}
