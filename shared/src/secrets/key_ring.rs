//! Envelope encryption: each secret (a connection's credentials, an answer that is kept) has a data key of its own, and a
//! master key wraps it.
//!
//! An envelope is `1 | wrap nonce (24) | wrapped data key (32 + 16) | nonce (24) | ciphertext + 16`. Both layers are
//! XChaCha20-Poly1305, whose nonces are long enough to be random, and both authenticate the row (tenant and connection, or
//! tenant and key of the request): an envelope moved to another row does not open.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rand::TryRngCore;
use rand::rngs::OsRng;

use crate::domain::{ConnectionId, TenantId, WebhookId};

const FORM: u8 = 1;
const NONCE: usize = 24;
const WRAPPED: usize = 32 + 16;

/// What an envelope belongs to.
pub trait Bound {
    /// As authenticated: different for everything that an envelope can belong to.
    fn bytes(self) -> Vec<u8>;
}

/// A connection, whose credentials are sealed.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The connection.
    pub connection_id: ConnectionId,
}

impl Bound for Binding {
    fn bytes(self) -> Vec<u8> {
        [
            self.tenant_id.uuid().as_bytes().as_slice(),
            self.connection_id.uuid().as_bytes(),
        ]
        .concat()
    }
}

/// A connection's grant: what a vendor gave for it.
#[derive(Debug, Clone, Copy)]
pub struct GrantBinding(pub Binding);

impl Bound for GrantBinding {
    fn bytes(self) -> Vec<u8> {
        const KIND: &[u8] = b"the grant of a connection";
        [KIND, &self.0.bytes()].concat()
    }
}

/// A consent that was begun, whose verifier is sealed.
#[derive(Debug, Clone, Copy)]
pub struct ConsentBinding<'a> {
    /// For which connection.
    pub of: Binding,
    /// The digest of its state.
    pub state_digest: &'a [u8],
}

impl Bound for ConsentBinding<'_> {
    fn bytes(self) -> Vec<u8> {
        const KIND: &[u8] = b"the verifier of a consent that was begun";
        [KIND, &self.of.bytes(), self.state_digest].concat()
    }
}

/// A webhook, whose secrets are sealed.
#[derive(Debug, Clone, Copy)]
pub struct WebhookBinding {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The webhook.
    pub webhook_id: WebhookId,
}

impl Bound for WebhookBinding {
    fn bytes(self) -> Vec<u8> {
        const KIND: &[u8] = b"the secrets of a webhook";
        [
            KIND,
            self.tenant_id.uuid().as_bytes(),
            self.webhook_id.uuid().as_bytes(),
        ]
        .concat()
    }
}

/// A request's Idempotency-Key, whose answer is sealed.
#[derive(Debug, Clone, Copy)]
pub struct AnswerBinding<'a> {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The key.
    pub key: &'a str,
}

impl Bound for AnswerBinding<'_> {
    fn bytes(self) -> Vec<u8> {
        // Longer than the 32 bytes of a connection's.
        const KIND: &[u8] = b"the answer of a request that came with an Idempotency-Key";
        [KIND, self.tenant_id.uuid().as_bytes(), self.key.as_bytes()].concat()
    }
}

/// A sealed secret, and which master key wraps it.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The envelope, to be stored.
    pub envelope: Vec<u8>,
    /// The id of the master key.
    pub by: String,
}

/// The master keys: the first seals, all open.
pub struct KeyRing {
    keys: Vec<(String, XChaCha20Poly1305)>,
}

/// Why a text is not a key ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// No key at all.
    #[error("there is no key; give at least one as id:base64 of 32 random bytes")]
    Empty,
    /// One entry is not `id:base64`.
    #[error("entry {0} is not id:base64 of exactly 32 bytes")]
    Entry(usize),
    /// Two keys of one id.
    #[error("the id {0:?} stands twice")]
    Twice(String),
}

/// Why an envelope does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Its master key is not in the ring.
    #[error("the master key {0:?} is not in the ring")]
    KeyMissing(String),
    /// It was changed, or belongs to another row.
    #[error("the envelope was changed or belongs to another row")]
    Forged,
}

impl KeyRing {
    /// Reads `id:base64,id:base64,…`.
    ///
    /// # Errors
    /// [`KeyRingError`], naming the entry by number and never by content.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut keys: Vec<(String, XChaCha20Poly1305)> = Vec::new();
        for (at, entry) in text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .enumerate()
        {
            let fault = KeyRingError::Entry(at + 1);
            let (id, encoded) = entry.split_once(':').ok_or_else(|| fault.clone())?;
            let bytes = STANDARD.decode(encoded).map_err(|_| fault.clone())?;
            if id.is_empty() || bytes.len() != 32 {
                return Err(fault);
            }
            if keys.iter().any(|(known, _)| known == id) {
                return Err(KeyRingError::Twice(id.to_owned()));
            }
            keys.push((
                id.to_owned(),
                XChaCha20Poly1305::new(Key::from_slice(&bytes)),
            ));
        }
        if keys.is_empty() {
            Err(KeyRingError::Empty)
        } else {
            Ok(Self { keys })
        }
    }

    /// Seals a secret with the first key.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    #[must_use]
    #[allow(
        clippy::expect_used,
        reason = "without randomness no secret can be kept; the sizes are our own"
    )]
    pub fn seal(&self, plain: &[u8], binding: impl Bound) -> Sealed {
        let (by, master) = &self.keys[0];
        let bound_to = binding.bytes();
        let mut random = [0; 32 + 2 * NONCE];
        OsRng
            .try_fill_bytes(&mut random)
            .expect("the operating system gives random bytes");
        let (data_key, nonces) = random.split_at(32);
        let (wrap_nonce, nonce) = nonces.split_at(NONCE);
        let wrapped = master
            .encrypt(
                XNonce::from_slice(wrap_nonce),
                Payload {
                    msg: data_key,
                    aad: &bound_to,
                },
            )
            .expect("32 bytes can be sealed");
        let sealed = XChaCha20Poly1305::new(Key::from_slice(data_key))
            .encrypt(
                XNonce::from_slice(nonce),
                Payload {
                    msg: plain,
                    aad: &bound_to,
                },
            )
            .expect("credentials and answers are shorter than the cipher's limit");
        let envelope = [&[FORM], wrap_nonce, &wrapped, nonce, &sealed].concat();
        Sealed {
            envelope,
            by: by.clone(),
        }
    }

    /// Opens an envelope.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        &self,
        envelope: &[u8],
        by: &str,
        binding: impl Bound,
    ) -> Result<Vec<u8>, OpenError> {
        let (_, master) = self
            .keys
            .iter()
            .find(|(id, _)| id == by)
            .ok_or_else(|| OpenError::KeyMissing(by.to_owned()))?;
        let bound_to = binding.bytes();
        let rest = envelope.strip_prefix(&[FORM]).ok_or(OpenError::Forged)?;
        if rest.len() < NONCE + WRAPPED + NONCE {
            return Err(OpenError::Forged);
        }
        let (wrap_nonce, rest) = rest.split_at(NONCE);
        let (wrapped, rest) = rest.split_at(WRAPPED);
        let (nonce, sealed) = rest.split_at(NONCE);
        let data_key = master
            .decrypt(
                XNonce::from_slice(wrap_nonce),
                Payload {
                    msg: wrapped,
                    aad: &bound_to,
                },
            )
            .map_err(|_| OpenError::Forged)?;
        XChaCha20Poly1305::new(Key::from_slice(&data_key))
            .decrypt(
                XNonce::from_slice(nonce),
                Payload {
                    msg: sealed,
                    aad: &bound_to,
                },
            )
            .map_err(|_| OpenError::Forged)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, byte: u8) -> String {
        format!("{id}:{}", STANDARD.encode([byte; 32]))
    }

    fn binding() -> Binding {
        Binding {
            tenant_id: TenantId::new(),
            connection_id: ConnectionId::new(),
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_own_row_only() {
        let ring = KeyRing::parse(&key("a", 1)).unwrap();
        let (own, other) = (binding(), binding());
        let sealed = ring.seal(b"sk_test", own);
        assert_eq!(
            ring.open(&sealed.envelope, &sealed.by, own).unwrap(),
            b"sk_test"
        );
        assert_eq!(
            ring.open(&sealed.envelope, &sealed.by, other),
            Err(OpenError::Forged)
        );
    }

    #[test]
    fn an_answer_opens_for_its_own_tenant_and_key_only() {
        let ring = KeyRing::parse(&key("a", 1)).unwrap();
        let tenant_id = TenantId::new();
        let of = |key| AnswerBinding { tenant_id, key };
        let sealed = ring.seal(b"rail_secret", of("first"));
        let opened = |binding| ring.open(&sealed.envelope, &sealed.by, binding);
        assert_eq!(opened(of("first")).unwrap(), b"rail_secret");
        assert_eq!(opened(of("second")), Err(OpenError::Forged));
        let elsewhere = AnswerBinding {
            tenant_id: TenantId::new(),
            key: "first",
        };
        assert_eq!(opened(elsewhere), Err(OpenError::Forged));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let ring = KeyRing::parse(&key("a", 1)).unwrap();
        let own = binding();
        let sealed = ring.seal(b"sk_test", own);
        for at in 0..sealed.envelope.len() {
            let mut changed = sealed.envelope.clone();
            changed[at] ^= 1;
            assert_eq!(
                ring.open(&changed, "a", own),
                Err(OpenError::Forged),
                "byte {at}"
            );
        }
        assert_eq!(ring.open(&[], "a", own), Err(OpenError::Forged));
    }

    #[test]
    fn a_new_first_key_seals_and_the_old_one_still_opens() {
        let own = binding();
        let old = KeyRing::parse(&key("old", 1)).unwrap().seal(b"x", own);
        let ring = KeyRing::parse(&format!("{},{}", key("new", 2), key("old", 1))).unwrap();
        assert_eq!(ring.open(&old.envelope, &old.by, own).unwrap(), b"x");
        assert_eq!(ring.seal(b"x", own).by, "new");
    }

    #[test]
    fn a_bad_ring_is_refused_without_showing_a_key() {
        assert_eq!(KeyRing::parse(" ").err(), Some(KeyRingError::Empty));
        assert_eq!(
            KeyRing::parse(&format!("{},b:c2hvcnQ=", key("a", 1))).err(),
            Some(KeyRingError::Entry(2))
        );
        assert_eq!(
            KeyRing::parse(&[key("a", 1), key("a", 2)].join(",")).err(),
            Some(KeyRingError::Twice("a".into()))
        );
        let ring = KeyRing::parse(&key("a", 1)).unwrap();
        assert_eq!(format!("{ring:?}"), r#"["a"]"#);
    }
}
