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

use super::bindings::Bound;

const FORM: u8 = 1;
const NONCE: usize = 24;
const WRAPPED: usize = 32 + 16;
/// Where, in an envelope, the secret begins, which stays as it is when the envelope is wrapped again.
pub const SECRET_AT: usize = 1 + NONCE + WRAPPED;

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

    /// The ids of the keys, the one that seals first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(id, _)| id.as_str())
    }

    /// Seals a secret with the first key.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    #[must_use]
    pub fn seal(&self, plain: &[u8], binding: impl Bound) -> Sealed {
        let bound_to = binding.bytes();
        let data_key: [u8; 32] = random();
        let mut sealed = random::<NONCE>().to_vec();
        let cipher = XChaCha20Poly1305::new(Key::from_slice(&data_key));
        let secret = encrypted(&cipher, &sealed, plain, &bound_to);
        sealed.extend(secret);
        self.wrapped(&data_key, &sealed, &bound_to)
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
        let bound_to = binding.bytes();
        let (data_key, sealed) = self.unwrapped(envelope, by, &bound_to)?;
        let cipher = XChaCha20Poly1305::new(Key::from_slice(&data_key));
        decrypted(&cipher, sealed, &bound_to)
    }

    /// The same envelope, wrapped by the first key. The secret in it stays sealed as it is.
    ///
    /// # Errors
    /// [`OpenError`].
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    pub fn wrap_again(
        &self,
        envelope: &[u8],
        by: &str,
        binding: impl Bound,
    ) -> Result<Sealed, OpenError> {
        let bound_to = binding.bytes();
        let (data_key, sealed) = self.unwrapped(envelope, by, &bound_to)?;
        Ok(self.wrapped(&data_key, sealed, &bound_to))
    }

    fn wrapped(&self, data_key: &[u8], sealed: &[u8], bound_to: &[u8]) -> Sealed {
        let (by, master) = &self.keys[0];
        let nonce = random::<NONCE>();
        let wrapped = encrypted(master, &nonce, data_key, bound_to);
        Sealed {
            envelope: [&[FORM], nonce.as_slice(), &wrapped, sealed].concat(),
            by: by.clone(),
        }
    }

    /// The data key of an envelope, and what it seals.
    fn unwrapped<'e>(
        &self,
        envelope: &'e [u8],
        by: &str,
        bound_to: &[u8],
    ) -> Result<(Vec<u8>, &'e [u8]), OpenError> {
        let (_, master) = self
            .keys
            .iter()
            .find(|(id, _)| id == by)
            .ok_or_else(|| OpenError::KeyMissing(by.to_owned()))?;
        let (wrapped, sealed) = envelope
            .split_at_checked(SECRET_AT)
            .ok_or(OpenError::Forged)?;
        let wrapped = wrapped.strip_prefix(&[FORM]).ok_or(OpenError::Forged)?;
        Ok((decrypted(master, wrapped, bound_to)?, sealed))
    }
}

#[allow(
    clippy::expect_used,
    reason = "without randomness no secret can be kept"
)]
fn random<const N: usize>() -> [u8; N] {
    let mut random = [0; N];
    OsRng
        .try_fill_bytes(&mut random)
        .expect("the operating system gives random bytes");
    random
}

#[allow(clippy::expect_used, reason = "what is sealed here is short")]
fn encrypted(cipher: &XChaCha20Poly1305, nonce: &[u8], plain: &[u8], bound_to: &[u8]) -> Vec<u8> {
    let payload = Payload {
        msg: plain,
        aad: bound_to,
    };
    cipher
        .encrypt(XNonce::from_slice(nonce), payload)
        .expect("keys, credentials and answers are shorter than the cipher's limit")
}

/// Of a nonce and what was encrypted with it.
fn decrypted(
    cipher: &XChaCha20Poly1305,
    sealed: &[u8],
    bound_to: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or(OpenError::Forged)?;
    let payload = Payload {
        msg: sealed,
        aad: bound_to,
    };
    let plain = cipher.decrypt(XNonce::from_slice(nonce), payload);
    plain.map_err(|_| OpenError::Forged)
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ConnectionId, TenantId};
    use crate::secrets::{AnswerBinding, Binding};

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
    fn what_is_wrapped_again_needs_the_new_key_only() {
        let own = binding();
        let old = KeyRing::parse(&key("old", 1)).unwrap().seal(b"x", own);
        let both = KeyRing::parse(&format!("{},{}", key("new", 2), key("old", 1))).unwrap();
        let again = both.wrap_again(&old.envelope, &old.by, own).unwrap();
        let new = KeyRing::parse(&key("new", 2)).unwrap();
        assert_eq!(new.open(&again.envelope, &again.by, own).unwrap(), b"x");
        assert_eq!(again.envelope[SECRET_AT..], old.envelope[SECRET_AT..]);
        assert_eq!(
            new.wrap_again(&old.envelope, &old.by, own).err(),
            Some(OpenError::KeyMissing("old".into()))
        );
        assert_eq!(
            both.wrap_again(&old.envelope, &old.by, binding()).err(),
            Some(OpenError::Forged)
        );
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
