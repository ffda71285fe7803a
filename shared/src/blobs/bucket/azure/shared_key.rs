//! Azure's Shared Key: an HMAC over the parts of a request, in a spelling of their own.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use url::Url;

/// An account's key.
#[derive(Clone)]
pub(super) struct SharedKey {
    account: String,
    key: SecretString,
}

impl SharedKey {
    /// `None` where the key is not Base64.
    pub(super) fn new(account: &str, key: &SecretString) -> Option<Self> {
        STANDARD.decode(key.expose_secret().trim()).ok()?;
        Some(Self {
            account: account.to_owned(),
            key: key.clone(),
        })
    }

    /// The `Authorization` of a request with these headers and a body of so many bytes.
    pub(super) fn sign(
        &self,
        verb: &str,
        url: &Url,
        headers: &[(&str, &str)],
        body_bytes: usize,
    ) -> Option<SecretString> {
        let line = |wanted: &str| {
            let found = headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map_or("", |(_, value)| *value)
        };
        let length = match body_bytes {
            0 => String::new(),
            bytes => bytes.to_string(),
        };
        let mut text = format!("{verb}\n");
        for value in [
            line("Content-Encoding"),
            line("Content-Language"),
            &length,
            line("Content-MD5"),
            line("Content-Type"),
            // The date is said by x-ms-date.
            "",
            line("If-Modified-Since"),
            line("If-Match"),
            line("If-None-Match"),
            line("If-Unmodified-Since"),
            line("Range"),
        ] {
            text.push_str(value);
            text.push('\n');
        }
        let mut own: Vec<(String, &str)> = headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), *value))
            .filter(|(name, _)| name.starts_with("x-ms-"))
            .collect();
        own.sort_unstable();
        for (name, value) in own {
            text.push_str(&format!("{name}:{value}\n"));
        }
        text.push_str(&format!("/{}{}", self.account, url.path()));
        let mut pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| (name.to_lowercase(), value.into_owned()))
            .collect();
        pairs.sort();
        for (name, value) in pairs {
            text.push_str(&format!("\n{name}:{value}"));
        }
        let signature = self.signature(&text)?;
        Some(format!("SharedKey {}:{signature}", self.account).into())
    }

    /// Whose key it is.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// What proves that a text is the account's.
    pub(super) fn signature(&self, text: &str) -> Option<String> {
        let key = STANDARD.decode(self.key.expose_secret().trim()).ok()?;
        let mut signer = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        signer.update(text.as_bytes());
        Some(STANDARD.encode(signer.finalize().into_bytes()))
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKey")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
