//! What is exported, and what it is held against.

use serde_json::{Value, json};

use super::floor::Floor;

/// An export.
pub struct Case {
    pub name: &'static str,
    /// What it is asked to be.
    pub asked: Value,
    pub floor: Floor,
    pub to: To,
}

/// Where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    Local,
    /// A store that forgets all it gets.
    S3,
}

impl Case {
    /// The whole body of the request that creates it.
    pub fn body(&self) -> Value {
        let mut body = json!({"name": "Measured", "entities": [super::records::ENTITY]});
        body["destination"] = match self.to {
            To::Local => json!({"type": "LOCAL", "path": "measured"}),
            To::S3 => json!({"type": "S3", "bucket": "measured", "path": "measured"}),
        };
        for (name, value) in self.asked.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    }
}

/// Each format to a folder, the larger ones to S3 too.
pub fn all() -> Vec<Case> {
    let lines = json!({"format": "JSON", "options": {"layout": "LINES"}});
    let packed = json!({"format": "JSON", "options": {"layout": "LINES", "compression": "ZSTD"}});
    [
        ("CSV", json!({"format": "CSV"}), Floor::Csv, To::Local),
        ("NDJSON", lines.clone(), Floor::Text, To::Local),
        ("JSON", json!({"format": "JSON"}), Floor::Text, To::Local),
        ("NDJSON, zstd", packed, Floor::Text, To::Local),
        ("XML", json!({"format": "XML"}), Floor::Text, To::Local),
        (
            "PARQUET",
            json!({"format": "PARQUET"}),
            Floor::Text,
            To::Local,
        ),
        ("CSV to S3", json!({"format": "CSV"}), Floor::Csv, To::S3),
        ("NDJSON to S3", lines, Floor::Text, To::S3),
        (
            "PARQUET to S3",
            json!({"format": "PARQUET"}),
            Floor::Text,
            To::S3,
        ),
    ]
    .map(|(name, asked, floor, to)| Case {
        name,
        asked,
        floor,
        to,
    })
    .into()
}

/// Those that one record in the middle with a field of its own holds up.
pub fn of_an_odd_record() -> Vec<Case> {
    let odd = |name, format, floor| Case {
        name,
        asked: json!({"format": format}),
        floor,
        to: To::Local,
    };
    vec![
        odd("CSV, an odd record", "CSV", Floor::Csv),
        odd("PARQUET, an odd record", "PARQUET", Floor::Text),
    ]
}
