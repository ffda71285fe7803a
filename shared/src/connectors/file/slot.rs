//! Where a value goes in a request.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use crate::connectors::lift::Pointer;

/// Where a value goes in a request. As text: `name` is a query parameter, `header:Name` a header, `/pointer` a member of
/// the body, and `where:condition` a condition of a query language in which `{}` stands for the value.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a text, or a table of body and value"
)]
pub(super) enum Raw {
    Text(String),
    Member { body: Pointer, value: Value },
}

/// Where a value goes in a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Raw")]
pub(in crate::connectors) enum Slot {
    /// A query parameter.
    Query(String),
    /// A header.
    Header(String),
    /// A member of the body; where `value` is given, it is put there with `{}` in its texts replaced. A pointer that ends
    /// in `/-` appends to an array.
    Body { at: Pointer, value: Option<Value> },
    /// A condition.
    Where(String),
}

impl JsonSchema for Slot {
    fn schema_name() -> Cow<'static, str> {
        "Slot".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Raw::json_schema(generator)
    }
}

impl TryFrom<Raw> for Slot {
    type Error = &'static str;

    fn try_from(raw: Raw) -> Result<Self, Self::Error> {
        Ok(match raw {
            Raw::Member { body, value } => Self::Body {
                at: body,
                value: Some(value),
            },
            Raw::Text(text) => {
                if let Some(name) = text.strip_prefix("header:") {
                    Self::Header(name.to_owned())
                } else if let Some(condition) = text.strip_prefix("where:") {
                    if !condition.contains("{}") {
                        return Err("a condition holds {} for the value");
                    }
                    Self::Where(condition.to_owned())
                } else if text.starts_with('/') {
                    Self::Body {
                        at: Pointer::try_from(text)?,
                        value: None,
                    }
                } else {
                    Self::Query(text)
                }
            }
        })
    }
}
