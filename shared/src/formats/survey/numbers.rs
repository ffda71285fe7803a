//! Numbers as JSON spells them, with all of their digits.

/// The digits of a number that is spelled without an exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    /// Before the point; of a number below one, none.
    pub(super) whole: usize,
    /// After the point.
    pub(super) fraction: usize,
}

/// Counts a number's digits; none where an exponent stands for them.
pub(super) fn digits(json: &str) -> Option<Digits> {
    let digits = json.strip_prefix('-').unwrap_or(json).as_bytes();
    let (mut whole, mut count) = (None, 0);
    for byte in digits {
        match byte {
            b'0'..=b'9' => count += 1,
            b'.' => whole = Some(std::mem::take(&mut count)),
            _ => return None,
        }
    }
    let (whole, fraction) = whole.map_or((count, 0), |whole| (whole, count));
    let nothing = digits.first() == Some(&b'0');
    Some(Digits {
        whole: if nothing { 0 } else { whole },
        fraction,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_on_both_sides_of_the_point() {
        let counted = |json| digits(json).map(|it| (it.whole, it.fraction));
        assert_eq!(counted("0"), Some((0, 0)));
        assert_eq!(counted("-12"), Some((2, 0)));
        assert_eq!(counted("1.50"), Some((1, 2)));
        assert_eq!(counted("-0.05"), Some((0, 2)));
        assert_eq!(counted("1e5"), None);
        assert_eq!(counted("1.5E-5"), None);
    }
}
