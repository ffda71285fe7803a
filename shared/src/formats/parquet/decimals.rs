//! Decimals as whole numbers.

/// The number times ten to the power of `scale`: none if that leaves a fraction, does not fit, or is spelled with an
/// exponent.
pub(super) fn unscaled(json: &str, scale: u8) -> Option<i128> {
    let positive = json.strip_prefix('-');
    let mut number = 0_i128;
    let mut left = None;
    for byte in positive.unwrap_or(json).bytes() {
        match byte {
            b'0'..=b'9' => {
                number = number
                    .checked_mul(10)?
                    .checked_add(i128::from(byte - b'0'))?;
                if let Some(left) = &mut left {
                    *left = u8::checked_sub(*left, 1)?;
                }
            }
            b'.' => left = Some(scale),
            _ => return None,
        }
    }
    let number = number.checked_mul(10_i128.checked_pow(left.unwrap_or(scale).into())?)?;
    Some(if positive.is_some() { -number } else { number })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_keeps_its_digits_or_is_none() {
        assert_eq!(unscaled("1.5", 3), Some(1_500));
        assert_eq!(unscaled("-1.50", 2), Some(-150));
        assert_eq!(unscaled("7", 0), Some(7));
        assert_eq!(unscaled("-0", 2), Some(0));
        assert_eq!(unscaled("1.5", 0), None);
        assert_eq!(unscaled("1e1", 0), None);
        assert_eq!(unscaled(&"9".repeat(38), 0), Some(10_i128.pow(38) - 1));
        assert_eq!(unscaled(&"9".repeat(40), 0), None);
        assert_eq!(unscaled("9", 39), None);
    }

    proptest! {
        #[test]
        fn a_number_is_the_one_its_digits_spell(number in any::<i64>(), scale in 0_u8..15) {
            let (sign, digits) = (number < 0, number.unsigned_abs().to_string());
            let digits = format!("{digits:0>width$}", width = usize::from(scale) + 1);
            let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
            let point = if scale > 0 { "." } else { "" };
            let json = format!("{}{whole}{point}{fraction}", if sign { "-" } else { "" });
            prop_assert_eq!(unscaled(&json, scale), Some(i128::from(number)));
        }
    }
}
