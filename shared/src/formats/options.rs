//! What the owner of an export may choose of its files.

use serde::{Deserialize, Serialize};

use crate::domain::{JsonLayout, Nested, Packing};

/// How the files of an export are written, as its owner chose and as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileOptions {
    /// Only these fields, in this order; all when none are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// What a file is called, with placeholders and without its ending.
    pub file_name: String,
    /// How each file is compressed as a whole.
    pub compression: Packing,
    /// Of CSV: whether texts that a spreadsheet would run are made harmless.
    pub guard_formulas: bool,
    /// Of CSV: what happens to objects within a record.
    pub nested: Nested,
    /// Of JSON: how records stand in a file.
    pub layout: JsonLayout,
    /// Of CSV and PARQUET: whether a last column holds the whole record as JSON.
    pub raw: bool,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            fields: None,
            file_name: "{entity}-{runId}".to_owned(),
            compression: Packing::None,
            guard_formulas: false,
            nested: Nested::Json,
            layout: JsonLayout::Array,
            raw: false,
        }
    }
}

impl FileOptions {
    /// Reads them from what is stored. What is not there is as by default.
    ///
    /// # Errors
    /// When something in it cannot be read any more.
    pub fn stored(stored: &serde_json::Value) -> serde_json::Result<Self> {
        Self::deserialize(stored)
    }
}
