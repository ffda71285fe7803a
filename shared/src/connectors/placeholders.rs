//! Whether every `{placeholder}` of a file stands for something.

use std::collections::BTreeSet;

use super::draft::fill;
use super::file::{Changes, ConnectorFile, Entity, OAuth};
use super::invalid::FileFault;
use super::outline::Outline;

/// What the engine puts into requests for lists and records by itself.
const WORDS: [&str; 8] = [
    "path", "name", "size", "position", "parent", "fields", "where", "id",
];
/// Sections whose texts stand for every entity that does not say it itself.
const SHARED: [&str; 4] = ["lists", "changed", "removed", "bulk"];
/// What an entity says that is put into requests or pointers.
const OF_ENTITY: [&str; 11] = [
    "path",
    "query",
    "where",
    "body",
    "records",
    "id",
    "created_at",
    "updated_at",
    "paging",
    "item",
    "window",
];

const NOTHING: &str =
    "is neither a credential, a setting, one of the entity's values nor a word of the engine";

/// Every placeholder that stands for nothing.
pub(super) fn faults(file: &ConnectorFile, outline: &Outline<'_>) -> Vec<FileFault> {
    let brought: BTreeSet<&str> = file
        .credentials
        .keys()
        .chain(file.config.keys())
        .map(String::as_str)
        .collect();
    let mut given = brought.clone();
    given.extend(file.oauth.iter().flat_map(OAuth::facts));
    let mut faults = Vec::new();
    // Tokens are fetched before there are facts of theirs.
    for (section, known) in [
        ("oauth", &brought),
        ("base_url", &given),
        ("headers", &given),
        ("test", &given),
    ] {
        for (name, line) in named(outline.texts(section)) {
            if !known.contains(name.as_str()) {
                let what = format!("{{{name}}} is neither a credential nor a setting");
                faults.push(at(line, what));
            }
        }
    }
    let known = |name: &str| given.contains(name) || WORDS.contains(&name);
    for (section, key, name, line) in shared(outline) {
        if known(&name) {
            continue;
        }
        let has = |entity: &Entity| entity.values.contains_key(&name);
        if !file.entities.iter().any(has) {
            let what = format!("{{{name}}} {NOTHING}");
            faults.push(at(line, what));
            continue;
        }
        for (place, entity) in file.entities.iter().enumerate() {
            let uses = entity.path.is_some() && uses(file, outline, (place, entity), section, key);
            if uses && !has(entity) {
                let what = format!(
                    "entity {} lacks {name} in its values, which [{section}] names in line {line}",
                    entity.name
                );
                faults.push(outline.at_entity(place, what));
            }
        }
    }
    for (place, entity) in file.entities.iter().enumerate() {
        for (name, line) in OF_ENTITY
            .iter()
            .flat_map(|key| named(outline.entity_texts(place, key)))
        {
            if !known(&name) && !entity.values.contains_key(&name) {
                faults.push(at(line, format!("{{{name}}} {NOTHING}")));
            }
        }
    }
    faults
}

/// Every placeholder of the sections that stand for all entities: section, key, name and line.
fn shared<'t>(outline: &'t Outline<'_>) -> Vec<(&'static str, &'t str, String, usize)> {
    let mut found = Vec::new();
    for section in SHARED {
        for key in outline.keys(section) {
            for (name, line) in named(outline.texts_in(section, key)) {
                found.push((section, key, name, line));
            }
        }
    }
    found
}

/// Whether what a shared section says at `key` is sent for an entity.
fn uses(
    file: &ConnectorFile,
    outline: &Outline<'_>,
    (place, entity): (usize, &Entity),
    section: &str,
    key: &str,
) -> bool {
    let listing = match section {
        "lists" => return !outline.entity_says(place, key),
        "bulk" => return true,
        "changed" => &file.changed,
        _ => &file.removed,
    };
    let of = listing.as_ref().and_then(|listing| listing.of.as_ref());
    matches!(entity.changes, Some(Changes::Updated {}))
        && of.is_none_or(|of| of.contains(&entity.name))
}

/// The names in braces in these texts.
fn named(texts: Vec<(&str, usize)>) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (text, line) in texts {
        let look = |name: &str| {
            found.push((name.to_owned(), line));
            Some(String::new())
        };
        // Nothing is refused: every name stands for nothing here.
        let _ = fill(text, look);
    }
    found
}

fn at(line: usize, what: String) -> FileFault {
    FileFault {
        line: Some(line),
        what,
    }
}
