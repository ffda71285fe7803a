//! What an entity may be called.

const LONGEST: usize = 63;

/// Whether an entity can have this name: a small letter, then up to 62 small letters, digits and underscores. So a name
/// is a file's and a path's part as it is.
#[must_use]
pub fn is_entity_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= LONGEST
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_and_short() {
        for good in ["contracts", "a", "line_items2", &"a".repeat(63)] {
            assert!(is_entity_name(good), "{good}");
        }
        for bad in [
            "",
            "Contracts",
            "1st",
            "_x",
            "a-b",
            "a/b",
            "a b",
            "ä",
            "a\0",
            &"a".repeat(64),
        ] {
            assert!(!is_entity_name(bad), "{bad}");
        }
    }
}
