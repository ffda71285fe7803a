//! Where things stand in a catalogue file, to say where its faults are.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::invalid::{FileFault, line_at};

/// A file with the places of its keys and values.
pub(super) struct Outline<'t> {
    text: &'t str,
    table: DeTable<'t>,
}

impl<'t> Outline<'t> {
    /// # Errors
    /// When it is no TOML.
    pub(super) fn parse(text: &'t str) -> Result<Self, toml::de::Error> {
        let table = DeTable::parse(text)?.into_inner();
        Ok(Self { text, table })
    }

    /// A fault at the line of the top-level key, where there is one.
    pub(super) fn at_key(&self, key: &str, what: impl Into<String>) -> FileFault {
        let found = self.table.iter().find(|(name, _)| name.get_ref() == key);
        FileFault {
            line: found.map(|(name, _)| self.line(name.span())),
            what: what.into(),
        }
    }

    /// A fault at the line of an entity's name, by its place in the file.
    pub(super) fn at_entity(&self, place: usize, what: impl Into<String>) -> FileFault {
        let span = self.entity(place).map(|entity| {
            let name = entity.get("name");
            name.map_or_else(|| 0..0, toml::Spanned::span)
        });
        FileFault {
            line: span.map(|span| self.line(span)),
            what: what.into(),
        }
    }

    /// Every text below a top-level key, with its line.
    pub(super) fn texts(&self, key: &str) -> Vec<(&str, usize)> {
        let mut found = Vec::new();
        if let Some(value) = self.table.get(key) {
            self.collect(value, &mut found);
        }
        found
    }

    /// The keys of a section.
    pub(super) fn keys(&self, section: &str) -> Vec<&str> {
        match self.table.get(section).map(toml::Spanned::get_ref) {
            Some(DeValue::Table(table)) => table.keys().map(|key| key.get_ref().as_ref()).collect(),
            _ => Vec::new(),
        }
    }

    /// Every text below a key of a section, with its line.
    pub(super) fn texts_in(&self, section: &str, key: &str) -> Vec<(&str, usize)> {
        let mut found = Vec::new();
        if let Some(DeValue::Table(table)) = self.table.get(section).map(toml::Spanned::get_ref)
            && let Some(value) = table.get(key)
        {
            self.collect(value, &mut found);
        }
        found
    }

    /// Whether an entity has this key itself.
    pub(super) fn entity_says(&self, place: usize, key: &str) -> bool {
        self.entity(place)
            .is_some_and(|entity| entity.contains_key(key))
    }

    /// Every text below a key of an entity, with its line.
    pub(super) fn entity_texts(&self, place: usize, key: &str) -> Vec<(&str, usize)> {
        let mut found = Vec::new();
        if let Some(value) = self.entity(place).and_then(|entity| entity.get(key)) {
            self.collect(value, &mut found);
        }
        found
    }

    fn entity(&self, place: usize) -> Option<&DeTable<'t>> {
        match self.table.get("entities")?.get_ref() {
            DeValue::Array(entities) => match entities.get(place)?.get_ref() {
                DeValue::Table(entity) => Some(entity),
                _ => None,
            },
            _ => None,
        }
    }

    fn collect<'a>(
        &'a self,
        value: &'a toml::Spanned<DeValue<'t>>,
        found: &mut Vec<(&'a str, usize)>,
    ) {
        match value.get_ref() {
            DeValue::String(text) => found.push((text, self.line(value.span()))),
            DeValue::Array(items) => items.iter().for_each(|item| self.collect(item, found)),
            DeValue::Table(table) => table.iter().for_each(|(_, item)| self.collect(item, found)),
            _ => {}
        }
    }

    fn line(&self, span: Range<usize>) -> usize {
        line_at(self.text, span.start)
    }
}
