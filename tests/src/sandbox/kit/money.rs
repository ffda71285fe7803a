//! Amounts of money in cents, which never pass through floating point.

use serde_json::Value;

use super::exact::{exact, exact_text};

/// An amount as the number a vendor sends: `money(1_230)` is written `12.30`.
pub fn money(cents: i64) -> Value {
    exact(&money_text(i128::from(cents)))
}

/// An amount as text: `-0.05`.
pub fn money_text(cents: i128) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let whole = cents.unsigned_abs();
    format!("{sign}{}.{:02}", whole / 100, whole % 100)
}

/// The cents of an amount that [`money`] made or that came as an ordinary number of up to two decimals.
pub fn cents(value: &Value) -> Option<i64> {
    let text = match exact_text(value) {
        Some(text) => text.to_owned(),
        None => value.as_number()?.to_string(),
    };
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = format!("{part:0<2}");
    format!("{whole}{}", part.get(..2)?).parse().ok()
}

/// An amount drawn at random. A few are larger than what a double holds to the cent.
pub fn some_money(draw: &mut crate::draw::Draw) -> i64 {
    match draw.below(60) {
        0 => 9_007_199_254_740_993 + draw.between(0, 900),
        1..6 => draw.between(1, 99),
        6..20 => draw.between(1, 900) * 100,
        _ => draw.between(100, 900_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cents_become_numbers_with_all_their_digits_and_back() {
        for (amount, text) in [
            (1_230, "12.30"),
            (-5, "-0.05"),
            (0, "0.00"),
            (9_007_199_254_740_993, "90071992547409.93"),
        ] {
            assert_eq!(super::super::write(&money(amount)), text);
            assert_eq!(cents(&money(amount)), Some(amount));
        }
        assert_eq!(cents(&json!(12.5)), Some(1_250));
        assert_eq!(cents(&json!(7)), Some(700));
        assert_eq!(cents(&json!("7")), None);
    }
}
