//! API keys: 256 random bits, shown once; only their SHA-256 is kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A key as its owner holds it.
#[derive(Debug)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// What every key begins with, so that scanners of leaked secrets can find one.
    pub const PREFIX: &'static str = "rail_";

    /// A new key.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    #[must_use]
    #[allow(
        clippy::expect_used,
        reason = "without randomness no secret can be made"
    )]
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        OsRng
            .try_fill_bytes(&mut bytes)
            .expect("the operating system gives random bytes");
        Self(format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// A key somebody else chose or presents.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(text.into())
    }

    /// What is stored. The keys are random and long, so one plain hash is enough: there is nothing to guess.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret()).into()
    }

    /// The key itself, to be shown to its owner once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_digest_and_not_printed() {
        let key = ApiKey::generate();
        assert_eq!(key.digest(), ApiKey::presented(key.reveal()).digest());
        assert_ne!(key.digest(), ApiKey::generate().digest());
        assert!(!format!("{key:?}").contains(&key.reveal()[5..]));
    }
}
