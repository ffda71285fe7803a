//! How the vendor's webhooks are known to be its own, and what they tell.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Time, Verb};
use crate::connectors::lift::Pointer;
use crate::connectors::times::TimeFormat;

/// The webhooks by which the vendor reports changes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Webhook {
    /// What proves that a notice is the vendor's.
    pub signature: Signature,
    /// The forms of a body; the first that fits counts.
    pub forms: Vec<Form>,
    /// The types of events that tell of an entity, by entity; one that ends in `*` stands for all that begin so. The types
    /// that `[feed]` is read by need not be named.
    #[serde(default)]
    pub tells: BTreeMap<String, Vec<String>>,
}

/// What proves that a notice is the vendor's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::connectors) enum Signature {
    /// HMAC-SHA256 with a secret that both sides know.
    HmacSha256 {
        /// The credential that holds the secret.
        credential: String,
        /// The header that carries the signature.
        header: String,
        /// Where the header is `name=value,name=value`: the name of the signature, which may come several times.
        field: Option<String>,
        /// How it is written.
        written: Written,
        /// What is signed: a text in which `{body}`, `{time}`, `{method}` and `{url}` stand for what was sent.
        #[schemars(with = "String")]
        over: Template,
        /// The time that is signed, where one is.
        time: Option<SignedTime>,
    },
    /// A JWT (ES256) of the hash of the body, signed with a key that the vendor tells.
    JwtEs256 {
        /// The header that carries it.
        header: String,
        /// The claim that is the body's SHA-256, in hexadecimal digits.
        body_sha256: String,
        /// How old, or how far ahead, its `iat` may be.
        within_seconds: u32,
        /// How a key is asked for.
        key: KeyCall,
    },
    /// PayPal's: RSA over the transmission's id and time, the webhook's id and the CRC-32 of the body, with a certificate
    /// whose place a header names.
    Paypal {
        /// The credential that holds the webhook's id.
        credential: String,
        /// Where certificates are: an `https` URL begins with one of these.
        certificates: Vec<String>,
        /// How old, or how far ahead, the transmission's time may be.
        within_seconds: u32,
    },
}

/// How a signature is written. Only one way of writing the same signature is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::connectors) enum Written {
    /// Hexadecimal digits, small letters.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// The time of a notice: in the header of the signature, or in one of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct SignedTime {
    /// The name of the time in the header of the signature.
    pub field: Option<String>,
    /// The header that is the time.
    pub header: Option<String>,
    pub format: TimeFormat,
    /// How old, or how far ahead, it may be.
    pub within_seconds: u32,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::connectors) struct Template(pub Vec<Piece>);

/// A piece of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::connectors) enum Piece {
    /// As it stands.
    Text(String),
    /// The body, byte by byte.
    Body,
    /// The time, as it is written in its header.
    Time,
    /// The method of the request.
    Method,
    /// The URL that the vendor called.
    Url,
}

impl TryFrom<String> for Template {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (mut pieces, mut rest) = (Vec::new(), text.as_str());
        while !rest.is_empty() {
            let (before, braced) = rest.split_once('{').unwrap_or((rest, ""));
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            if before.len() == rest.len() {
                break;
            }
            let (name, after) = braced.split_once('}').ok_or("a brace is not closed")?;
            pieces.push(match name {
                "body" => Piece::Body,
                "time" => Piece::Time,
                "method" => Piece::Method,
                "url" => Piece::Url,
                _ => return Err("what is signed is made of {body}, {time}, {method} and {url}"),
            });
            rest = after;
        }
        if !pieces.contains(&Piece::Body) {
            return Err("the body is not signed");
        }
        Ok(Self(pieces))
    }
}

/// How a public key is asked for; `{kid}` stands for its id.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct KeyCall {
    #[serde(default)]
    pub method: Verb,
    pub path: String,
    pub body: Option<Value>,
    /// Where the key is in the answer: a JWK, with `expired_at` where it has been retired.
    pub at: Pointer,
}

/// One form of a body. A pointer leads into the event or, where nothing is there, into what is around it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Form {
    /// The arrays of events, an inner one within each element of the outer; none where the body is one event.
    #[serde(default)]
    pub each: Vec<Pointer>,
    /// What two events that are the same have in common, and no others. Absent: all of the event; then `happened_at` is
    /// needed.
    pub id: Option<EventId>,
    /// The event's type; of several places, joined by a colon.
    pub event_type: Places,
    /// Where the ids of the changed records are, one or a list of them in each place.
    #[serde(default)]
    pub record: Vec<Pointer>,
    /// When it happened, where different changes may look the same if they happened at the same time.
    pub happened_at: Option<Time>,
    /// Whose account it is about.
    pub account: Option<Account>,
}

/// What tells an event from all others.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::connectors) enum EventId {
    One(#[schemars(with = "String")] IdPlace),
    /// Values that do so together; what is not there counts as nothing.
    Together(Vec<Pointer>),
}

/// Where the id of an event is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::connectors) enum IdPlace {
    /// A value of the event.
    At(Pointer),
    /// A header of its notice: `header:Name`.
    Header(String),
}

impl TryFrom<String> for IdPlace {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.strip_prefix("header:") {
            Some(name) => Ok(Self::Header(name.to_owned())),
            None => Pointer::try_from(text).map(Self::At),
        }
    }
}

/// One place or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::connectors) enum Places {
    One(Pointer),
    Several(Vec<Pointer>),
}

impl Places {
    pub(in crate::connectors) fn all(&self) -> &[Pointer] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Several(places) => places,
        }
    }
}

/// Whose account an event is about.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::connectors) struct Account {
    pub at: Pointer,
    /// The credential or setting that it is, where the connection has it; an event about another account tells nothing.
    pub is: String,
}
