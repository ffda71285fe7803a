//! Ids and times that follow from a seed.

use crate::draw::Draw;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// This many letters and digits.
pub fn letters(draw: &mut Draw, length: usize) -> String {
    (0..length)
        .map(|_| char::from(draw.pick(LETTERS)))
        .collect()
}

/// A random GUID, version 4, in lower case.
pub fn guid(draw: &mut Draw) -> String {
    let (high, low) = (draw.bits(), draw.bits());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

/// When the record at `index` of `count` was created, inside `between` (Unix seconds, the second excluded). It never
/// falls as the index grows; several records may share a second.
pub fn created_s(seed: u64, index: u64, count: u64, between: (i64, i64)) -> i64 {
    let (first, end) = between;
    let (span, count) = ((end - first).max(1) as u64, count.max(1));
    let jitter = Draw::new(seed, 1, index).below((span / count).max(1));
    let start = (u128::from(index) * u128::from(span) / u128::from(count)) as i64;
    first + start + jitter as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_have_their_form_and_differ() {
        let mut draw = Draw::new(1, 2, 3);
        let (one, other) = (guid(&mut draw), guid(&mut draw));
        let form: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(form, [8, 4, 4, 4, 12]);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&one.as_bytes()[19]), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn creation_times_never_fall_and_stay_inside_their_year() {
        let times: Vec<i64> = (0..500)
            .map(|index| created_s(9, index, 500, (1_000, 90_000)))
            .collect();
        assert!(times.is_sorted());
        assert!(times.iter().all(|time| (1_000..90_000).contains(time)));
    }
}
