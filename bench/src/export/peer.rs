//! What others need for the same export: DuckDB and pandas.

use std::path::Path;

use anyhow::Context;

use super::floor::Floor;
use crate::peers;

const EXPORT: &str = include_str!("../../peers/export/export.py");

/// A program, and what it writes.
pub struct Peer<'a> {
    python: &'a Path,
    program: &'static str,
    format: &'static str,
    pub floor: Floor,
}

/// Each program with each format that both have.
pub fn all(python: &Path) -> impl Iterator<Item = Peer<'_>> {
    let formats = [
        ("CSV", Floor::Csv),
        ("NDJSON", Floor::Text),
        ("PARQUET", Floor::Text),
    ];
    ["duckdb", "pandas"].into_iter().flat_map(move |program| {
        formats.map(|(format, floor)| Peer {
            python,
            program,
            format,
            floor,
        })
    })
}

impl Peer<'_> {
    pub fn name(&self) -> String {
        format!("{}: {}", self.program, self.format)
    }

    /// Writes all records to a file; the greatest memory in KiB.
    pub async fn run(&self, postgres: &str, file: &Path) -> anyhow::Result<u64> {
        let file = file.to_str().context("a plain path")?;
        let arguments = [self.program, self.format, postgres, file];
        peers::run(self.python, EXPORT, &arguments).await
    }
}
