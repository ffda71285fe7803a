//! What bodies may look like: the schemas of the OpenAPI document, compiled, and their errors in our words.

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::Validator;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use rail_shared::domain::Faults;
use serde_json::{Value, json};

use crate::http::body::Asked;
use crate::http::problem::Problem;
use crate::openapi;

/// A body of a megabyte can hold a fault in every byte: what follows so many is not looked for.
pub const AT_MOST: usize = 100;

/// The compiled schemas of request bodies, by name.
pub struct Shapes(BTreeMap<String, Validator>);

impl fmt::Debug for Shapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Shapes {
    /// Compiles the schema of every body of the document.
    pub fn compile() -> Result<Self, String> {
        let document = openapi::document();
        let compile = |name: String| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": format!("{}{name}", openapi::SCHEMAS),
                "components": document["components"],
            });
            let validator =
                jsonschema::validator_for(&schema).map_err(|error| format!("{name}: {error}"))?;
            Ok((name, validator))
        };
        openapi::body_schemas(&document)
            .into_iter()
            .map(compile)
            .collect::<Result<_, String>>()
            .map(Self)
    }

    /// What of a body does not have the shape of a `T`, and texts that nothing here can hold.
    pub fn faults<T: Asked>(&self, value: &Value) -> Faults {
        let mut faults = Faults::default();
        if let Some(validator) = self.0.get(&*T::name()) {
            for error in validator.iter_errors(value).take(AT_MOST) {
                let at = error.instance_path().as_str();
                let own = |own: &&str| {
                    at.strip_prefix(*own)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                if !T::OWN.iter().any(own) {
                    tell(error.kind(), at, error.instance(), &mut faults);
                }
            }
        }
        find_nul(value, "", &mut faults);
        faults
    }
}

/// One error of a schema as one or more faults.
fn tell(kind: &ValidationErrorKind, at: &str, instance: &Value, faults: &mut Faults) {
    match kind {
        ValidationErrorKind::Required { property } => {
            let at = child(at, property.as_str().unwrap_or_default());
            faults.add(at, "missing", "This is required.");
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for name in unexpected.iter().take(AT_MOST) {
                faults.add(
                    child(at, name),
                    "unknown-field",
                    format!("There is no field {name:?} here."),
                );
            }
        }
        ValidationErrorKind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(one) => one.to_string(),
                TypeKind::Multiple(several) => {
                    let names: Vec<String> = several.iter().map(|one| one.to_string()).collect();
                    names.join(" or ")
                }
            };
            faults.add(
                at,
                "wrong-type",
                format!("The value is of type {expected}."),
            );
        }
        // What is of the wrong type is no word either: once is enough.
        ValidationErrorKind::Enum { .. } if faults.touch(at) => {}
        ValidationErrorKind::Enum { options } => {
            faults.add(
                at,
                unknown_word(at),
                format!("The value is one of {}.", words(options)),
            );
        }
        ValidationErrorKind::MinLength { .. } => faults.add(at, "empty", "The text is not empty."),
        ValidationErrorKind::MaxLength { limit } => {
            faults.add(
                at,
                "too-long",
                format!("The text has at most {limit} characters."),
            );
        }
        ValidationErrorKind::MinItems { .. } => {
            faults.add(at, "empty", "The list holds at least one value.");
        }
        ValidationErrorKind::MaxItems { limit } => {
            faults.add(
                at,
                "too-many",
                format!("The list holds at most {limit} values."),
            );
        }
        ValidationErrorKind::MaxProperties { limit } => {
            faults.add(
                at,
                "too-many",
                format!("The object has at most {limit} fields."),
            );
        }
        ValidationErrorKind::MinProperties { .. } => {
            faults.add(at, "empty", "The object has at least one field.");
        }
        ValidationErrorKind::UniqueItems => {
            let items = instance.as_array().map(Vec::as_slice).unwrap_or_default();
            for (place, item) in items.iter().enumerate().take(AT_MOST) {
                if items[..place].contains(item) {
                    faults.add(
                        format!("{at}/{place}"),
                        "duplicate",
                        "This value stands in the list twice.",
                    );
                }
            }
        }
        ValidationErrorKind::Pattern { pattern } => {
            faults.add(
                at,
                "bad-format",
                format!("The text has the form {pattern}."),
            );
        }
        other => faults.add(
            at,
            "invalid",
            format!("The value breaks the rule {:?}.", other.keyword()),
        ),
    }
}

fn unknown_word(at: &str) -> &'static str {
    match at.rsplit('/').next().unwrap_or_default() {
        "mode" => "unknown-mode",
        "format" => "unknown-format",
        "frequency" => "unknown-frequency",
        "type" => "unknown-destination-type",
        _ if at.starts_with("/scopes/") => "unknown-scope",
        _ => "unknown-value",
    }
}

fn words(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let words: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
    words.join(", ")
}

/// A pointer to a member.
pub fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// No text in Postgres holds one.
const NUL: &str = "A text holds no NUL character.";

/// A text of the query that Postgres can compare with those it has.
pub fn comparable<'t>(name: &str, text: Option<&'t str>) -> Result<Option<&'t str>, Problem> {
    match text {
        Some(text) if text.contains('\0') => Err(Problem::fault(name, "bad-parameter", NUL)),
        text => Ok(text),
    }
}

/// Finds the texts that hold a NUL.
pub fn find_nul(value: &Value, at: &str, faults: &mut Faults) {
    if faults.len() > AT_MOST {
        return;
    }
    match value {
        Value::String(text) if text.contains('\0') => faults.add(at, "bad-character", NUL),
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                find_nul(item, &format!("{at}/{place}"), faults);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let at = child(at, name);
                if name.contains('\0') {
                    faults.add(&at, "bad-character", NUL);
                }
                find_nul(member, &at, faults);
            }
        }
        _ => {}
    }
}
