//! Patches of records, as `POST /_sandbox/mutations` takes them.

use serde_json::{Value, json};

/// Merges a patch into a record (RFC 7396), save that `null` sets an existing field to null: vendors' records say null
/// rather than leave a key out.
pub fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            if let Some(field) = fields.get_mut(&key) {
                *field = Value::Null;
            }
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_reaches_nested_fields_and_null_empties_a_field_without_making_one() {
        let mut record = json!({"name": "A", "address": {"city": "B", "line": "C"}});
        merge(
            &mut record,
            json!({"name": null, "other": null, "address": {"city": "D"}, "n": 1}),
        );
        assert_eq!(
            record,
            json!({"name": null, "address": {"city": "D", "line": "C"}, "n": 1})
        );
    }
}
