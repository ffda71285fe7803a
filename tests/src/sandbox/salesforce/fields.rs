//! The fields of an object: what they are, and what may be done with them.

use super::entity::Entity;
use crate::sandbox::kit::{Column, columns};

/// What every object begins with.
const FIRST: &str = r#"[
  ["Id", "id(18) required", null],
  ["IsDeleted", "boolean", false]
]"#;

/// What every object ends with.
const LAST: &str = r#"[
  ["OwnerId", "reference(User) required", "$owner"],
  ["CreatedDate", "datetime required", null],
  ["CreatedById", "reference(User) required", "$owner"],
  ["LastModifiedDate", "datetime required", null],
  ["LastModifiedById", "reference(User) required", "$owner"],
  ["SystemModstamp", "datetime required", null]
]"#;

/// One field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) column: Column,
    /// `string`, `currency` …
    pub(super) kind: String,
    /// Its length, or its digits and those behind the point; what it refers to, if it does.
    arguments: Vec<String>,
    pub(super) required: bool,
}

impl Field {
    fn new(column: Column) -> Self {
        let (kind, required) = match column.kind.strip_suffix(" required") {
            Some(kind) => (kind, true),
            None => (column.kind.as_str(), column.kind == "boolean"),
        };
        let (kind, rest) = kind.split_once('(').unwrap_or((kind, ""));
        let arguments = rest.trim_end_matches(')').split(',');
        Self {
            kind: kind.to_owned(),
            arguments: arguments
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
            required,
            column,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.column.name
    }

    /// Whether the org made it itself.
    pub(super) fn is_custom(&self) -> bool {
        self.name().ends_with("__c")
    }

    pub(super) fn is_text(&self) -> bool {
        let kinds = ["string", "picklist", "textarea", "phone", "url", "email"];
        kinds.contains(&self.kind.as_str())
    }

    pub(super) fn is_id(&self) -> bool {
        matches!(self.kind.as_str(), "id" | "reference")
    }

    /// A number with a point, as the wire has it.
    pub(super) fn is_double(&self) -> bool {
        matches!(self.kind.as_str(), "double" | "currency" | "percent")
    }

    /// An object in a field, which bulk jobs do not give.
    pub(super) fn is_compound(&self) -> bool {
        self.kind == "address"
    }

    pub(super) fn length(&self) -> u32 {
        match self.kind.as_str() {
            "reference" => 18,
            _ if self.is_text() || self.is_id() => self.number(0),
            _ => 0,
        }
    }

    pub(super) fn precision(&self) -> u32 {
        if self.is_double() { self.number(0) } else { 0 }
    }

    pub(super) fn scale(&self) -> u32 {
        if self.is_double() { self.number(1) } else { 0 }
    }

    pub(super) fn refers_to(&self) -> Option<&str> {
        let refers = self.kind == "reference";
        self.arguments
            .first()
            .filter(|_| refers)
            .map(String::as_str)
    }

    /// Long texts can be read and nothing else.
    pub(super) fn is_filterable(&self) -> bool {
        !(self.kind == "textarea" && self.length() > 255)
    }

    pub(super) fn is_sortable(&self) -> bool {
        self.is_filterable() && !self.is_compound()
    }

    fn number(&self, place: usize) -> u32 {
        let text = self.arguments.get(place);
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}

/// The fields of an object, in the order of its description.
pub(super) fn fields(entity: Entity) -> Vec<Field> {
    let tables = [FIRST, entity.table(), LAST];
    tables
        .into_iter()
        .flat_map(columns)
        .map(Field::new)
        .collect()
}
