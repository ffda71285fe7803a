//! Signatures over bytes: whether they are right, without the time it takes telling how nearly.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use secrecy::{ExposeSecret, SecretString};

/// A P-256 public key: both coordinates of its point, 32 bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct P256Point {
    /// The first coordinate.
    pub x: [u8; 32],
    /// The second.
    pub y: [u8; 32],
}

/// The SHA-256 of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}

/// Bytes from hexadecimal digits in small letters; `None` for what is none.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs.iter().map(byte).collect()
}

/// Whether both are the same bytes.
#[must_use]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

/// Whether a signature is the HMAC-SHA256 of a message that is given in parts.
#[must_use]
pub fn is_hmac_sha256(secret: &str, parts: &[&[u8]], signature: &[u8]) -> bool {
    let mut mac = Context::with_key(&Key::new(HMAC_SHA256, secret.as_bytes()));
    for part in parts {
        mac.update(part);
    }
    same(mac.sign().as_ref(), signature)
}

/// Whether a signature of 64 bytes, as JWTs carry it, is ECDSA with SHA-256 of a message by this key.
#[must_use]
pub fn is_es256(key: &P256Point, message: &[u8], signature: &[u8]) -> bool {
    // A point that is not compressed.
    let point = [&[4], &key.x[..], &key.y[..]].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(message, signature)
        .is_ok()
}

/// Whether a signature is RSA (PKCS #1 v1.5) with SHA-256 of a message by this key, a DER-encoded `RSAPublicKey` of 2,048
/// bits at least.
#[must_use]
pub fn is_rsa_sha256(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
        .verify(message, signature)
        .is_ok()
}

/// The secrets in a credential: one, or several between blanks while one takes the place of another. No vendor's secret
/// holds a blank.
pub fn alternatives(credential: &SecretString) -> impl Iterator<Item = &str> {
    credential.expose_secret().split_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn an_hmac_is_that_of_rfc_4231_however_its_message_is_cut() {
        let right = bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        for parts in [
            &[&b"what do ya want for nothing?"[..]][..],
            &[b"what do ya want ", b"", b"for nothing?"],
        ] {
            assert!(is_hmac_sha256("Jefe", parts, &right));
        }
        assert!(!is_hmac_sha256("Jefe", &[b"what do ya want"], &right));
        assert!(!is_hmac_sha256(
            "jefe",
            &[b"what do ya want for nothing?"],
            &right
        ));
        assert!(!is_hmac_sha256(
            "Jefe",
            &[b"what do ya want for nothing?"],
            &right[..31]
        ));
    }

    #[test]
    fn an_es256_signature_is_that_of_rfc_7515() {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        // Appendix A.3 of the RFC.
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let key = P256Point {
            x: decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")
                .try_into()
                .unwrap(),
            y: decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
                .try_into()
                .unwrap(),
        };
        let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                       cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = decode(
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        );
        assert!(is_es256(&key, message.as_bytes(), &signature));
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(!is_es256(&key, message.as_bytes(), &changed), "byte {at}");
        }
        assert!(!is_es256(
            &P256Point { x: key.y, y: key.x },
            message.as_bytes(),
            &signature
        ));
    }

    #[test]
    fn a_credential_may_hold_two_secrets() {
        let both = SecretString::from(" old\nnew ");
        assert_eq!(alternatives(&both).collect::<Vec<_>>(), ["old", "new"]);
        assert_eq!(alternatives(&SecretString::from("  ")).count(), 0);
    }
}
