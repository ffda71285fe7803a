//! What the same work costs at least: plain SQL, COPY to a staging table and INSERT … ON CONFLICT, 5,000 records a batch.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::ensure;
use tokio::task::spawn_blocking;

use super::vendor::{id, record};

const BATCH: usize = 5_000;

/// Makes the tables of the floor.
pub const TABLES: &str = "
    CREATE TABLE floor (id text COLLATE \"C\" PRIMARY KEY, payload jsonb NOT NULL);
    CREATE UNLOGGED TABLE staging (id text, payload jsonb)";

/// Writes the script that brings all records, those at every `one_in`th place in another version.
pub fn script(file: &Path, records: usize, one_in: Option<usize>) -> anyhow::Result<()> {
    let mut sql = String::new();
    for first in (0..records).step_by(BATCH) {
        sql.push_str("BEGIN;\nTRUNCATE staging;\nCOPY staging FROM STDIN;\n");
        for place in first..(first + BATCH).min(records) {
            let changed = one_in.is_some_and(|one_in| place % one_in == 0);
            writeln!(sql, "{}\t{}", id(place), record(place, u32::from(changed)))?;
        }
        sql.push_str(
            "\\.\nINSERT INTO floor SELECT id, payload FROM staging
             ON CONFLICT (id) DO UPDATE SET payload = excluded.payload;\nCOMMIT;\n",
        );
    }
    Ok(fs::write(file, sql)?)
}

/// Runs a script; its CPU time is that of this process's children.
pub async fn run(url: &str, file: &Path) -> anyhow::Result<()> {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(file)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = spawn_blocking(move || psql.status()).await??;
    ensure!(status.success(), "psql ended with {status}");
    Ok(())
}
