//! The properties of an object: all values are texts, and this says what they mean.

use serde_json::{Value, json};

use super::entity::Entity;
use super::times::iso;
use crate::sandbox::kit::times::FIRST_YEAR;
use crate::sandbox::kit::{Column, columns};

/// One property.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Property {
    pub(super) column: Column,
    /// `string`, `number`, `datetime`, `enumeration`, `bool`
    pub(super) kind: String,
    input: String,
    /// Whether it comes where none is asked for.
    pub(super) is_default: bool,
    /// Whether it always comes.
    pub(super) is_constant: bool,
    custom: bool,
}

impl Property {
    fn new(column: Column) -> Self {
        let words: Vec<&str> = column.kind.split(' ').collect();
        let has = |word| words.contains(&word);
        Self {
            kind: words.first().copied().unwrap_or_default().to_owned(),
            input: words.get(1).copied().unwrap_or_default().to_owned(),
            is_default: has("default") || has("always"),
            is_constant: has("always"),
            custom: has("custom"),
            column,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.column.name
    }

    /// What `/crm/v3/properties` says of it.
    pub(super) fn told(&self, object: Entity) -> Value {
        let single = object.name().trim_end_matches('s').replace("ie", "y");
        let options = self.column.choices().filter(|choice| !choice.contains(';'));
        let listed = self.kind == "enumeration";
        let options = options.enumerate().filter(|_| listed).map(|(place, choice)| {
            json!({ "label": choice, "value": choice, "displayOrder": place, "hidden": false })
        });
        let mut told = json!({
            "name": self.name(), "label": self.name().replace('_', " "), "type": self.kind, "fieldType": self.input,
            "description": "", "groupName": format!("{}information", single.replace('_', "")), "displayOrder": -1,
            "options": options.collect::<Value>(), "calculated": false, "externalOptions": self.name() == "hubspot_owner_id",
            "hasUniqueValue": false, "hidden": false, "formField": !self.is_constant, "archived": false,
            "modificationMetadata": {
                "archivable": self.custom, "readOnlyDefinition": !self.custom, "readOnlyValue": self.is_constant,
            },
            "createdAt": iso(FIRST_YEAR.0, 0), "updatedAt": iso(FIRST_YEAR.0, 0),
        });
        // A property that the portal made itself does not say that HubSpot did not.
        if !self.custom {
            told["hubspotDefined"] = true.into();
        }
        told
    }
}

/// The properties of an object, by name.
pub(super) fn properties(object: Entity) -> Vec<Property> {
    let common = format!(
        r#"[["createdate", "datetime date always", null], ["{}", "datetime date always", null],
            ["hs_object_id", "number number always", null], ["hs_merged_object_ids", "enumeration checkbox", null],
            ["hubspot_owner_id", "enumeration select", "$owner"]]"#,
        object.modified(),
    );
    let tables = [object.table(), &common];
    let all = tables.into_iter().flat_map(columns).map(Property::new);
    let mut all: Vec<Property> = all.collect();
    all.sort_by(|one, other| one.name().cmp(other.name()));
    all
}
