//! Numbers that keep their digits: a JSON number passes through `f64` in most libraries, and money must not.

use serde_json::Value;

/// What marks a string as a bare number. No vendor sends control characters.
const MARK: char = '\u{1}';

/// A value that [`write()`] prints as exactly this number: `exact("12.30")` becomes `12.30`, not `12.3`.
///
/// # Panics
/// When the text is no JSON number.
pub fn exact(number: &str) -> Value {
    assert!(
        serde_json::from_str::<serde_json::Number>(number).is_ok(),
        "'{number}' is no JSON number"
    );
    Value::String(format!("{MARK}{number}"))
}

/// A value that [`write()`] prints as this JSON text, unread: records that a fault spoilt are no JSON any more.
pub fn bare(json: &str) -> Value {
    Value::String(format!("{MARK}{json}"))
}

/// The digits of an [`exact`] value.
pub fn exact_text(value: &Value) -> Option<&str> {
    value.as_str()?.strip_prefix(MARK)
}

/// Writes JSON text, exact numbers bare. Keys come in alphabetical order, so that a changed record hashes alike again.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    append(value, &mut out);
    out
}

/// The value as a reader of the text would have it, exact numbers made ordinary ones.
pub fn parsed(value: &Value) -> Value {
    serde_json::from_str(&write(value)).unwrap_or_default()
}

fn append(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            out.push('{');
            for (position, key) in keys.into_iter().enumerate() {
                separate(position, out);
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                append(&fields[key], out);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (position, value) in values.iter().enumerate() {
                separate(position, out);
                append(value, out);
            }
            out.push(']');
        }
        scalar => match exact_text(scalar) {
            Some(digits) => out.push_str(digits),
            None => out.push_str(&scalar.to_string()),
        },
    }
}

fn separate(position: usize, out: &mut String) {
    if position > 0 {
        out.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn exact_numbers_are_written_bare_with_all_their_digits_at_any_depth() {
        let value =
            json!({"b": [exact("12.30"), "12.30"], "a": exact("-99999999999999999.000001")});
        assert_eq!(
            write(&value),
            r#"{"a":-99999999999999999.000001,"b":[12.30,"12.30"]}"#
        );
        assert_eq!(parsed(&value)["b"], json!([12.3, "12.30"]));
    }

    #[test]
    fn bare_text_is_written_as_it_stands_even_where_it_is_no_json() {
        let spoilt = r#"{"note":"\ud800"}"#;
        assert!(serde_json::from_str::<Value>(spoilt).is_err());
        assert_eq!(
            write(&json!([bare(spoilt), bare("1.0")])),
            format!("[{spoilt},1.0]")
        );
    }

    #[test]
    #[should_panic(expected = "no JSON number")]
    fn what_is_no_number_cannot_be_exact() {
        exact("12,30");
    }
}
