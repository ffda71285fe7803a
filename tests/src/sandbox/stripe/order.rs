//! Stripe's order of keys: `id`, `object`, then the alphabet, at every depth.
//!
//! A record that was changed must keep the order it had, or a reader that hashes bytes would call it changed twice.

use serde_json::{Map, Value};

/// Writes the value in Stripe's order.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    append(value, &mut out);
    out
}

/// Writes a record as another program might: after `id` and `object` its keys from the last to the first, with spaces.
pub(super) fn write_respelled(record: &Value) -> String {
    let Some(fields) = record.as_object() else {
        return write(record);
    };
    let mut keys: Vec<&String> = fields.keys().collect();
    keys.sort_by_key(|key| std::cmp::Reverse((*key == "id", *key == "object", *key)));
    let members: Vec<String> = keys
        .into_iter()
        .map(|key| format!("{}: {}", Value::from(key.as_str()), write(&fields[key])))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn append(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => append_object(fields, out),
        Value::Array(values) => {
            out.push('[');
            for (position, value) in values.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                append(value, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn append_object(fields: &Map<String, Value>, out: &mut String) {
    let mut keys: Vec<&String> = fields.keys().collect();
    keys.sort_by_key(|key| (*key != "id", *key != "object", *key));
    out.push('{');
    for (position, key) in keys.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(key.as_str()).to_string());
        out.push(':');
        append(&fields[key], out);
    }
    out.push('}');
}
