//! Signatures of webhooks: a JWT over the body's hash, signed with a P-256 key made for this sandbox.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

#[derive(Debug)]
struct Key {
    id: String,
    pair: EcdsaKeyPair,
    created_s: i64,
    expired_s: Option<i64>,
}

/// Every key there was; the last one signs.
#[derive(Debug)]
pub(super) struct Signer(Mutex<Vec<Key>>);

impl Signer {
    pub(super) fn new(now_s: i64) -> Self {
        Self(Mutex::new(vec![new_key(1, now_s)]))
    }

    /// Goes on with another key.
    pub(super) fn rotate(&self, now_s: i64) {
        let mut keys = self.lock();
        for key in keys.iter_mut() {
            key.expired_s.get_or_insert(now_s);
        }
        let number = keys.len() + 1;
        keys.push(new_key(number, now_s));
    }

    /// The token that goes with a body.
    pub(super) fn token(&self, body: &[u8], now_s: i64) -> String {
        let keys = self.lock();
        let Some(key) = keys.last() else {
            unreachable!("there is a key from the start")
        };
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let hash: String = Sha256::digest(body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let message = format!(
            "{}.{}",
            part(json!({ "alg": "ES256", "kid": key.id, "typ": "JWT" })),
            part(json!({ "iat": now_s, "request_body_sha256": hash }))
        );
        match key.pair.sign(&SystemRandom::new(), message.as_bytes()) {
            Ok(signature) => format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)),
            Err(_) => panic!("the sandbox's key does not sign"),
        }
    }

    /// The public half of a key, as a JWK.
    pub(super) fn public(&self, id: &str) -> Option<Value> {
        let keys = self.lock();
        let key = keys.iter().find(|key| key.id == id)?;
        // A point that is not compressed: 4, then both coordinates.
        let (x, y) = key.pair.public_key().as_ref().get(1..)?.split_at(32);
        Some(json!({
            "alg": "ES256",
            "crv": "P-256",
            "kty": "EC",
            "use": "sig",
            "kid": key.id,
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
            "created_at": key.created_s,
            "expired_at": key.expired_s,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_key(number: usize, now_s: i64) -> Key {
    match EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING) {
        Ok(pair) => Key {
            id: format!("6c5516e1-92dc-479e-a8ff-{number:012}"),
            pair,
            created_s: now_s,
            expired_s: None,
        },
        Err(_) => panic!("no key for the sandbox's webhooks"),
    }
}
