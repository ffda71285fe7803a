//! Whose requests are counted, and how many it may send.

use std::fmt::Write;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use crate::domain::CountedFor;

/// Into how many pieces a window is cut; the scripts say the same.
pub(super) const PIECES: u64 = 40;
/// Bytes of a digest that are kept: more accounts than there are do not meet.
const BYTES: usize = 16;

/// Names an account at a vendor, and does not tell which.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest(String);

impl Digest {
    /// Of what names the account, which may be secret.
    #[must_use]
    pub fn of<'p>(parts: impl IntoIterator<Item = &'p SecretString>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            let part = part.expose_secret();
            // With its length, so that no two lists of parts read the same.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut text = String::with_capacity(2 * BYTES);
        for byte in &hash.finalize()[..BYTES] {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    pub(super) fn key(&self, of: &str) -> String {
        format!("rail:rate:{}:{of}", self.0)
    }
}

/// So many requests in any window of this length.
#[derive(Debug, Clone)]
pub struct Limit {
    /// As the catalogue file names it.
    pub name: String,
    /// At least one.
    pub requests: u32,
    /// Whole seconds, at least one.
    pub per: Duration,
    /// Whose requests are counted, in words.
    pub counted: CountedFor,
    /// And as a name.
    pub of: Digest,
    /// The paths below the base URL whose requests it counts; all, where it has none. One may end in `*`.
    pub paths: Vec<String>,
}

impl Limit {
    /// Whether it counts a request for this path.
    #[must_use]
    pub fn counts(&self, path: &str) -> bool {
        self.paths.is_empty()
            || self.paths.iter().any(|of| match of.strip_suffix('*') {
                Some(beginning) => path.starts_with(beginning),
                None => of == path,
            })
    }

    pub(super) fn key(&self) -> String {
        self.of.key(&self.name)
    }

    /// How long one piece of its window is.
    pub(super) fn piece_ms(&self) -> u64 {
        self.per.as_secs() * 1_000 / PIECES
    }
}

/// So many requests on their way at the same time.
#[derive(Debug, Clone)]
pub struct AtOnce {
    /// At least one.
    pub requests: u32,
    /// Whose requests are counted, in words.
    pub counted: CountedFor,
    /// And as a name.
    pub of: Digest,
}

impl AtOnce {
    pub(super) fn key(&self) -> String {
        self.of.key("at-once")
    }
}

/// An account at a vendor, with what the vendor bears from it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub digest: Digest,
    /// In windows of time.
    pub limits: Vec<Limit>,
    /// At the same time.
    pub at_once: Option<AtOnce>,
}

impl Account {
    pub(super) fn held_key(&self) -> String {
        self.digest.key("held")
    }

    pub(super) fn waiting_key(&self) -> String {
        self.digest.key("waiting")
    }

    /// Where those on their way are; a name that nothing stands under, where they are not counted.
    pub(super) fn flying_key(&self) -> String {
        match &self.at_once {
            Some(at_once) => at_once.key(),
            None => self.digest.key("at-once"),
        }
    }

    /// The limits that count a request for this path, with their places.
    pub(super) fn counting(&self, path: &str) -> Vec<(usize, &Limit)> {
        let limits = self.limits.iter().enumerate();
        limits.filter(|(_, limit)| limit.counts(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(parts: &[&str]) -> Digest {
        let parts: Vec<SecretString> = parts.iter().map(|part| (*part).into()).collect();
        Digest::of(&parts)
    }

    #[test]
    fn a_name_tells_nothing_and_is_the_same_for_the_same_parts_only() {
        let name = digest(&["stripe", "sk_test_hidden"]);
        assert_eq!(name, digest(&["stripe", "sk_test_hidden"]));
        for other in [
            &["stripe", "sk_test_other"][..],
            &["stripesk", "_test_hidden"],
            &["stripe"],
            &["stripe", "sk_test_hidden", ""],
        ] {
            assert_ne!(name, digest(other), "{other:?}");
        }
        assert!(!name.key("minute").contains("hidden"));
    }

    #[test]
    fn a_limit_counts_its_paths_only_and_one_without_paths_counts_all() {
        let limit = |paths: &[&str]| Limit {
            name: "minute".to_owned(),
            requests: 1,
            per: Duration::from_secs(60),
            counted: CountedFor::Account,
            of: digest(&[]),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        assert!(limit(&[]).counts("/any"));
        let some = limit(&["/accounts/get", "/crm/*"]);
        assert!(some.counts("/accounts/get") && some.counts("/crm/v3/search"));
        assert!(!some.counts("/accounts/get/more") && !some.counts("/item/get"));
    }
}
