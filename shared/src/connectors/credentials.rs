//! What a connection must bring, as JSON Schema, and the check against it.

use std::collections::BTreeMap;

use jsonschema::Validator;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::{Map, Value, json};

use super::file::{Field, Need, Shown};
use crate::domain::Faults;

/// A reference to a secret that the operator keeps; it satisfies any rule for a text.
const REFERENCE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}";
/// Private keys and certificates fit.
const MAX_LENGTH: usize = 16_384;

/// A schema with what is needed to check against it.
#[derive(Debug)]
pub(super) struct Fields {
    schema: Value,
    validator: Validator,
    expects: BTreeMap<String, String>,
}

impl Fields {
    /// The schema of an object that holds these texts and nothing else.
    pub(super) fn new(fields: &BTreeMap<String, Field>) -> Result<Self, String> {
        let properties: Map<String, Value> = fields
            .iter()
            .map(|(name, field)| (name.clone(), property(field)))
            .collect();
        let required: Vec<&String> = fields
            .iter()
            .filter(|(_, field)| field.need == Need::Required)
            .map(|(name, _)| name)
            .collect();
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
        let expects = fields
            .iter()
            .filter_map(|(name, field)| {
                let expected = match (&field.expects, &field.one_of) {
                    (Some(words), _) => words.clone(),
                    (None, Some(choices)) => format!("one of {}", choices.join(", ")),
                    (None, None) => return None,
                };
                Some((format!("/{name}"), expected))
            })
            .collect();
        Ok(Self {
            schema,
            validator,
            expects,
        })
    }

    pub(super) const fn schema(&self) -> &Value {
        &self.schema
    }

    /// Every fault of `value`, which stands at `pointer`. No fault repeats a value.
    pub(super) fn check(&self, value: &Value, pointer: &str) -> Faults {
        let mut faults = Faults::default();
        for error in self.validator.iter_errors(value) {
            let inside = error.instance_path().as_str();
            let at = format!("{pointer}{inside}");
            match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    for name in unexpected {
                        let name = name.replace('~', "~0").replace('/', "~1");
                        let detail = "is not a field of this connector";
                        faults.add(format!("{at}/{name}"), "unknown-field", detail);
                    }
                }
                ValidationErrorKind::Required { property } => {
                    let name = property.as_str().unwrap_or_default();
                    faults.add(format!("{at}/{name}"), "missing", "is required");
                }
                ValidationErrorKind::Type {
                    kind: TypeKind::Single(expected),
                } => faults.add(at, "wrong-type", format!("must be of type {expected}")),
                ValidationErrorKind::MinLength { .. } => {
                    faults.add(at, "too-short", "must not be empty");
                }
                ValidationErrorKind::MaxLength { limit } => {
                    faults.add(
                        at,
                        "too-long",
                        format!("must have at most {limit} characters"),
                    );
                }
                _ => {
                    let expected = self
                        .expects
                        .get(inside)
                        .map_or("another form", String::as_str);
                    let detail = format!("must be {expected}, or a reference such as ${{NAME}}");
                    faults.add(at, "invalid-format", detail);
                }
            }
        }
        faults
    }
}

fn property(field: &Field) -> Value {
    let mut property = Map::new();
    property.insert("type".into(), "string".into());
    property.insert("title".into(), field.title.as_str().into());
    if let Some(description) = &field.description {
        property.insert("description".into(), description.as_str().into());
    }
    property.insert("minLength".into(), 1.into());
    property.insert("maxLength".into(), MAX_LENGTH.into());
    let own = match (&field.pattern, &field.one_of) {
        (Some(pattern), _) => Some(pattern.clone()),
        (None, Some(choices)) => Some(
            choices
                .iter()
                .map(|choice| literally(choice))
                .collect::<Vec<_>>()
                .join("|"),
        ),
        (None, None) => None,
    };
    if let Some(own) = own {
        property.insert("pattern".into(), format!("^(?:{REFERENCE}|{own})$").into());
    }
    if let Some(choices) = &field.one_of {
        property.insert("examples".into(), choices.clone().into());
    }
    if field.shown == Shown::Secret {
        property.insert("writeOnly".into(), true.into());
        property.insert("format".into(), "password".into());
    }
    Value::Object(property)
}

/// A text as a pattern that matches nothing else.
fn literally(text: &str) -> String {
    text.chars().fold(String::new(), |mut pattern, c| {
        if !c.is_ascii_alphanumeric() && c.is_ascii() && !matches!(c, '_' | '-' | ' ' | ':') {
            pattern.push('\\');
        }
        pattern.push(c);
        pattern
    })
}
