//! What others need for the same export: DuckDB and pandas.

use std::path::Path;

use anyhow::Context;

use crate::peers;

const EXPORT: &str = include_str!("../../peers/export/export.py");

/// A program, and what it writes.
pub struct Peer<'a> {
    python: &'a Path,
    program: &'static str,
    /// As the case of it is called.
    pub format: &'static str,
}

/// Each program with each format that both have.
pub fn all(python: &Path) -> impl Iterator<Item = Peer<'_>> {
    ["duckdb", "pandas"].into_iter().flat_map(move |program| {
        ["CSV", "NDJSON", "PARQUET"].map(|format| Peer {
            python,
            program,
            format,
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
