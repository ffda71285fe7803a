//! Stripe's ids, made so that an id can be turned back into the index it was made from.
//!
//! A list that continues after an id must find its place without searching. Instead of an index from ids to places,
//! the last eleven characters of an id *are* the place, scrambled one-to-one by the seed.

use crate::draw::{Draw, mix, unmix};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many base-62 digits hold any 64-bit number.
const PLACE_DIGITS: usize = 11;

/// Makes the id of the record at `index`: the prefix, then `length` letters and digits.
pub(super) fn id(seed: u64, prefix: &str, length: usize, index: u64) -> String {
    let mut text = String::with_capacity(prefix.len() + length);
    text.push_str(prefix);
    let purpose = purpose(prefix);
    let mut salt = Draw::new(seed, purpose, index);
    for _ in PLACE_DIGITS..length {
        text.push(char::from(salt.pick(ALPHABET)));
    }
    let mut place = mix(index ^ mix(seed ^ purpose));
    let mut digits = [b'0'; PLACE_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(place % 62) as usize];
        place /= 62;
    }
    text.extend(digits.map(char::from));
    text
}

/// The index that [`id`] made this id from, or `None` when it made no such id.
pub(super) fn index_of(seed: u64, prefix: &str, length: usize, text: &str) -> Option<u64> {
    let digits = text
        .strip_prefix(prefix)
        .filter(|rest| rest.len() == length)?;
    let mut place: u64 = 0;
    for byte in &digits.as_bytes()[length - PLACE_DIGITS..] {
        let digit = ALPHABET.iter().position(|letter| letter == byte)? as u64;
        place = place.checked_mul(62)?.checked_add(digit)?;
    }
    let index = unmix(place) ^ mix(seed ^ purpose(prefix));
    (id(seed, prefix, length, index) == text).then_some(index)
}

/// Keeps the ids of two entities apart although they share seed and index.
fn purpose(prefix: &str) -> u64 {
    prefix
        .bytes()
        .fold(7, |sum, byte| mix(sum ^ u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_index_and_a_changed_one_nowhere() {
        for index in [0, 1, 61, 62, 999_999, u64::MAX] {
            let made = id(42, "cus_", 14, index);
            assert_eq!(made.len(), 18);
            assert_eq!(index_of(42, "cus_", 14, &made), Some(index));
            assert_eq!(index_of(43, "cus_", 14, &made), None);
            assert_eq!(index_of(42, "prod_", 14, &made), None);
            assert_eq!(index_of(42, "cus_", 14, &made[..17]), None);
        }
        assert_eq!(index_of(42, "cus_", 14, "cus_zzzzzzzzzzzzzz"), None);
        assert_eq!(index_of(42, "cus_", 14, "cus_ééééééé"), None);
    }
}
