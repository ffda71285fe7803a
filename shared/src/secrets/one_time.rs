//! Random texts that are used once: the state and the verifier of a consent.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// 256 random bits as text that needs no escaping in a URL.
#[derive(Debug, Clone)]
pub struct OneTime(SecretString);

impl OneTime {
    /// A new one.
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
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// One that somebody presents.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(text.into())
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret()).into()
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The challenge that belongs to a verifier (RFC 7636, S256).
#[must_use]
pub fn challenge(verifier: &OneTime) -> String {
    URL_SAFE_NO_PAD.encode(verifier.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_what_the_rfc_computes_for_its_verifier() {
        let verifier = OneTime::presented("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(
            challenge(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
        assert_eq!(OneTime::generate().reveal().len(), 43);
    }
}
