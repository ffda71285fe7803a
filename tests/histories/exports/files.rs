//! What a run left in its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rail_tests::harness::text;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::history::Form;
use super::model::{ENTITIES, Rows};

/// The data that a manifest speaks of, in the order of the entities; says what is not as the manifest has it.
pub fn of_manifest(manifest: &Path, form: Form) -> Result<[Rows; 2], String> {
    let told = fs::read(manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let told: Value = serde_json::from_slice(&told).map_err(|error| error.to_string())?;
    let mut files = BTreeMap::new();
    for file in told["files"].as_array().into_iter().flatten() {
        let path = PathBuf::from(text(file, "location"));
        let content = fs::read(&path).map_err(|error| format!("{file}: {error}"))?;
        let rows = rows(&content, form).map_err(|why| format!("{}: {why}", path.display()))?;
        let is = json!({
            "bytes": content.len(), "rows": rows.len(), "sha256": format!("{:x}", Sha256::digest(&content)),
        });
        for (name, value) in is.as_object().into_iter().flatten() {
            if file[name] != *value {
                return Err(format!("{} is {is}, and not {file}", path.display()));
            }
        }
        files.insert(text(file, "entity").to_owned(), rows);
    }
    let mut take = |entity| files.remove(entity).ok_or(format!("no {entity} in {told}"));
    Ok([take(ENTITIES[0])?, take(ENTITIES[1])?])
}

/// What is in a folder.
#[derive(Default)]
pub struct Left {
    pub manifests: Vec<PathBuf>,
    /// Files beside them.
    pub files: Vec<PathBuf>,
    /// Files that nobody sees yet, or any more.
    pub hidden: Vec<PathBuf>,
}

impl Left {
    pub fn of(folder: &Path) -> Self {
        let mut left = Self::default();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = match name.split(['-', '.']).next() {
                Some("") => &mut left.hidden,
                Some("manifest") => &mut left.manifests,
                _ => &mut left.files,
            };
            kind.push(entry.path());
        }
        left
    }
}

/// The records of a file; none may be there twice, none in part.
pub fn rows(content: &[u8], form: Form) -> Result<Rows, String> {
    let wrong = |error: serde_json::Error| error.to_string();
    let records: Vec<Value> = match form {
        Form::Lines if content.last().is_some_and(|byte| *byte != b'\n') => {
            return Err("it ends in the middle of a line".to_owned());
        }
        Form::Lines => {
            let lines = serde_json::Deserializer::from_slice(content).into_iter();
            lines.collect::<Result<_, _>>().map_err(wrong)?
        }
        Form::Array => serde_json::from_slice(content).map_err(wrong)?,
        Form::Csv if !content.ends_with(b"\r\n") => {
            return Err("it ends in the middle of a row".to_owned());
        }
        Form::Csv => csv::Reader::from_reader(content)
            .deserialize::<BTreeMap<String, String>>()
            .map(|row| Ok(row?.into_iter().map(|(name, cell)| (name, json!(cell)))))
            .map(|row: Result<_, csv::Error>| {
                row.map(|row| Value::Object(row.collect::<Map<_, _>>()))
            })
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?,
    };
    let mut rows = Rows::new();
    for record in records {
        let id = text(&record, "id").to_owned();
        if let Some(twice) = rows.insert(id, record) {
            return Err(format!("{twice} is there twice"));
        }
    }
    Ok(rows)
}
