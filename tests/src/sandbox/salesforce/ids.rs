//! Record ids: fifteen letters and digits whose case matters, and three more that tell the case to those who ignore it.

const SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The id of the record at this place, in eighteen characters. Later ones are greater.
pub(super) fn id(prefix: &str, place: u64) -> String {
    let mut rest = place;
    let mut digits = [b'0'; 7];
    for digit in digits.iter_mut().rev() {
        *digit = SIGNS[(rest % 62) as usize];
        rest /= 62;
    }
    lengthened(&format!(
        "{prefix}5g000{}",
        String::from_utf8_lossy(&digits)
    ))
}

/// The long form of an id; what is no short one stays as it is.
pub(super) fn lengthened(id: &str) -> String {
    if id.len() != 15 || !id.bytes().all(|sign| sign.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let check = id.as_bytes().chunks(5).map(|part| {
        let capitals = (0..5).filter(|place| part[*place].is_ascii_uppercase());
        let sum: usize = capitals.map(|place| 1 << place).sum();
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[sum])
    });
    id.chars().chain(check).collect()
}

/// Whether it looks like an id.
pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|sign| sign.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_three_characters_tell_which_letters_are_capitals() {
        assert_eq!(lengthened("00D000000000062"), "00D000000000062EAA");
        assert_eq!(lengthened("a00D0000008pQRA"), "a00D0000008pQRAIA2");
        assert_eq!(lengthened("short"), "short");
    }

    #[test]
    fn later_ids_are_greater() {
        let ids: Vec<String> = (0..4_000).map(|place| id("001", place)).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| is_id(id) && id.len() == 18));
    }
}
