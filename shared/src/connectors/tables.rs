//! A catalogue file as plain tables, into which an entity's `values` are put.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::Table;

use super::file::Entity;

/// The file once more, as tables: what an entity's `values` are put into.
#[derive(Debug)]
pub(super) struct Tables(Table);

impl Tables {
    pub(super) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        Ok(Self(text.parse()?))
    }

    /// A section with the values put in place of their names in braces.
    pub(super) fn section<T: DeserializeOwned>(
        &self,
        name: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<Option<T>, String> {
        let Some(section) = self.0.get(name) else {
            return Ok(None);
        };
        let mut section = section.clone();
        fill(&mut section, values);
        let read = section.try_into().map_err(|error: toml::de::Error| {
            format!(
                "[{name}] with its values cannot be read: {}",
                error.message()
            )
        });
        read.map(Some)
    }

    pub(super) fn entity(
        &self,
        place: usize,
        values: &BTreeMap<String, String>,
    ) -> Result<Entity, String> {
        let all = self.0.get("entities").and_then(toml::Value::as_array);
        let mut entity = all
            .and_then(|all| all.get(place))
            .cloned()
            .ok_or_else(|| "vanished".to_owned())?;
        fill(&mut entity, values);
        entity.try_into().map_err(|error: toml::de::Error| {
            format!("with its values cannot be read: {}", error.message())
        })
    }
}

/// A text with the values put in place of their names in braces.
pub(super) fn filled(text: &str, values: &BTreeMap<String, String>) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        match text.contains('{') {
            true => text.replace(&format!("{{{name}}}"), value),
            false => text,
        }
    })
}

fn fill(value: &mut toml::Value, values: &BTreeMap<String, String>) {
    match value {
        toml::Value::String(text) => *text = filled(text, values),
        toml::Value::Array(items) => items.iter_mut().for_each(|item| fill(item, values)),
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, item)| fill(item, values)),
        _ => {}
    }
}
