//! What the same reading costs at least: psql and COPY, from the same jsonb.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::ensure;
use tokio::task::spawn_blocking;

use super::records::FIELDS;

/// What COPY is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// The fields, taken out of the jsonb, as CSV.
    Csv,
    /// The jsonb, as text.
    Text,
}

/// Has psql write all records to a file; its CPU time is that of this process's children.
pub async fn run(url: &str, floor: Floor, file: &Path) -> anyhow::Result<()> {
    let file = file.display();
    let copy = match floor {
        Floor::Csv => {
            let fields = FIELDS
                .map(|name| format!("payload ->> '{name}'"))
                .join(", ");
            format!(
                "\\copy (SELECT {fields} FROM records WHERE deleted_at IS NULL) TO '{file}' (FORMAT csv)"
            )
        }
        Floor::Text => {
            format!(
                "\\copy (SELECT payload::text FROM records WHERE deleted_at IS NULL) TO '{file}'"
            )
        }
    };
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", &copy])
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = spawn_blocking(move || psql.status()).await??;
    ensure!(status.success(), "psql ended with {status}");
    Ok(())
}
