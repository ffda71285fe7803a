//! What others need for the same work: dlt, in the Python that `./dev bench sync --peers` makes for it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tokio::task::spawn_blocking;

const LOAD: &str = include_str!("../../peers/dlt_load.py");

/// Loads all there is at the vendor; returns its greatest resident memory in KiB. Its CPU time is that of this process's
/// children.
pub async fn dlt(
    python: &Path,
    vendor: SocketAddr,
    postgres: &str,
    folder: &Path,
) -> anyhow::Result<u64> {
    let mut load = Command::new(python);
    load.args(["-c", LOAD, &format!("http://{vendor}"), postgres])
        .arg(folder.join("dlt"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = spawn_blocking(move || load.output()).await??;
    ensure!(output.status.success(), "dlt ended with {}", output.status);
    let told = String::from_utf8(output.stdout)?;
    let peak = told.lines().last().context("dlt told nothing")?;
    Ok(peak.trim().parse()?)
}
