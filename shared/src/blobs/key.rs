//! Names of files: relative, so that none leads out of its place.

use crate::domain::{Failure, FailureKind, Origin};

/// The limit of S3.
const MAX_KEY_BYTES: usize = 1_024;
/// The limit of most file systems for one part.
const MAX_PART_BYTES: usize = 255;

/// Accepts a relative key: no empty part, no `.`, no `..`, no NUL.
pub(super) fn relative(key: &str) -> Result<String, Failure> {
    if key.is_empty() {
        return Err(refused(key, "it is empty"));
    }
    check(key)?;
    Ok(key.to_owned())
}

/// Accepts a path in a place: the same, but it may be empty, and slashes around it mean nothing.
pub(super) fn prefix(path: &str) -> Result<String, Failure> {
    let inner = path.trim_matches('/');
    if !inner.is_empty() {
        check(inner)?;
    }
    Ok(inner.to_owned())
}

/// A key below a prefix.
pub(super) fn below(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}/{key}")
    }
}

fn check(key: &str) -> Result<(), Failure> {
    if key.len() > MAX_KEY_BYTES {
        return Err(refused(key, "it is longer than 1,024 bytes"));
    }
    if key.chars().any(char::is_control) {
        return Err(refused(key, "it holds control characters"));
    }
    for part in key.split('/') {
        match part {
            "" => return Err(refused(key, "a part between slashes is empty")),
            "." | ".." => return Err(refused(key, "it holds . or .. as a part")),
            _ if part.contains('\\') => return Err(refused(key, "it holds a backslash")),
            _ if part.len() > MAX_PART_BYTES => {
                return Err(refused(
                    key,
                    "a part between slashes is longer than 255 bytes",
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn refused(key: &str, why: &str) -> Failure {
    let shown: String = key.chars().take(100).collect();
    Failure::lasting(
        Origin::Configuration,
        FailureKind::Misconfigured,
        format!("{shown:?} cannot name a file here: {why}."),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_lead_out_of_its_place() {
        for key in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/../b",
            "../a",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "a\0b",
            "a\nb",
            "..\\a",
        ] {
            let refused = relative(key).unwrap_err();
            assert_eq!(refused.kind, FailureKind::Misconfigured, "{key:?}");
            assert!(!refused.retryable);
        }
        assert!(relative(&format!("{}x", "abc/".repeat(256))).is_err());
        assert!(relative(&"x".repeat(256)).is_err());
        for key in [
            "customers-run_x.csv",
            "a/b/c.csv",
            "..a",
            "a..b",
            "été 1.csv",
        ] {
            assert_eq!(relative(key).unwrap(), key);
        }
    }

    #[test]
    fn slashes_around_a_prefix_mean_nothing() {
        for path in ["", "/", "//"] {
            assert_eq!(prefix(path).unwrap(), "");
        }
        assert_eq!(prefix("/contracts/").unwrap(), "contracts");
        assert_eq!(prefix("a/b/").unwrap(), "a/b");
        assert!(prefix("/a/../b").is_err());
        assert_eq!(below("", "x"), "x");
        assert_eq!(below("a/b", "x"), "a/b/x");
    }
}
