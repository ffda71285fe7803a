//! Generated records against Stripe's published examples, where these are at hand beside the project.

use std::path::PathBuf;

use rail_tests::sandbox::Sandbox;
use rail_tests::sandbox::stripe::{Entity, Settings};
use serde_json::Value;

const ERROR_DETAIL: &str = "the example's error is of a kind that has none";

/// Fields of ours that the examples lack, and why we have them.
const OURS_ALONE: [(&str, &str); 5] = [
    (
        "dispute.evidence_details.submission_method",
        "newer than the examples; the library that speaks our version requires it",
    ),
    (
        "invoice.lines.data[].pricing.price_details",
        "there when the line has a price, which the example's has not",
    ),
    ("payment_intent.last_payment_error.code", ERROR_DETAIL),
    (
        "payment_intent.last_payment_error.decline_code",
        ERROR_DETAIL,
    ),
    ("payment_intent.last_payment_error.message", ERROR_DETAIL),
];

/// Fields of the examples that we lack, and why.
const THEIRS_ALONE: [(&str, &str); 2] = [
    (
        "charge.refunds",
        "only sent when expanded, and the sandbox expands nothing",
    ),
    (
        "invoice.subscription",
        "gone since the basil versions; the examples still show it",
    ),
];

fn fixtures() -> Option<Value> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/specs/stripe/fixtures3.json");
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("the examples are JSON")),
        Err(error) => {
            println!(
                "skipped: Stripe's published examples are not at {}: {error}",
                path.display()
            );
            None
        }
    }
}

/// Compares a record with the example of its type, field by field, and writes down every difference.
fn compare(ours: &Value, example: &Value, field: &str, differences: &mut Vec<String>) {
    match (ours, example) {
        // Null says nothing about the type; an empty object or list says nothing about what is inside.
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(_), Value::Object(example)) if example.is_empty() => {}
        (Value::Object(ours), Value::Object(example)) => {
            for (key, value) in ours {
                match example.get(key) {
                    Some(example) => {
                        compare(value, example, &format!("{field}.{key}"), differences);
                    }
                    None => differences.push(format!("{field}.{key} is ours alone")),
                }
            }
            for key in example.keys().filter(|key| !ours.contains_key(*key)) {
                differences.push(format!("{field}.{key} is theirs alone"));
            }
        }
        (Value::Array(ours), Value::Array(example)) => {
            if let Some(example) = example.first() {
                for value in ours {
                    compare(value, example, &format!("{field}[]"), differences);
                }
            }
        }
        (Value::Bool(_), Value::Bool(_)) | (Value::String(_), Value::String(_)) => {}
        (Value::Number(ours), Value::Number(example)) if ours.is_i64() == example.is_i64() => {}
        (ours, example) => {
            differences.push(format!("{field} is {ours}, the example has {example}"));
        }
    }
}

#[test]
fn every_generated_record_has_the_fields_and_types_of_stripes_published_example() {
    let Some(fixtures) = fixtures() else { return };
    let sandbox = Sandbox::start(Settings::new(4).with_business(400));
    let mut excused: Vec<&str> = Vec::new();
    for entity in Entity::ALL {
        let example = &fixtures["resources"][entity.object()];
        assert!(example.is_object(), "no example of a {}", entity.object());
        for id in sandbox.stripe().ids(entity.name()).iter().take(120) {
            let record = sandbox.stripe().record(entity.name(), id).unwrap();
            let mut differences = Vec::new();
            compare(&record, example, entity.object(), &mut differences);
            differences.retain(|difference| {
                let known = OURS_ALONE
                    .iter()
                    .map(|(field, _)| (*field, " is ours alone"))
                    .chain(
                        THEIRS_ALONE
                            .iter()
                            .map(|(field, _)| (*field, " is theirs alone")),
                    );
                let excuse = known
                    .into_iter()
                    .find(|(field, how)| *difference == format!("{field}{how}"));
                excused.extend(excuse.map(|(field, _)| field));
                excuse.is_none()
            });
            assert!(differences.is_empty(), "{id}: {differences:#?}");
        }
    }
    for (field, reason) in OURS_ALONE.iter().chain(&THEIRS_ALONE) {
        assert!(
            excused.contains(field),
            "{field} is excused ({reason}) and need not be"
        );
    }
}
