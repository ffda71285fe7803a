//! What others need for the same work, in the Python that `./dev bench … --peers` makes for them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tokio::task::spawn_blocking;

/// Runs a script to its end; returns its greatest resident memory in KiB, which it tells at the end. Its CPU time is that of
/// this process's children.
pub async fn run(python: &Path, script: &str, arguments: &[&str]) -> anyhow::Result<u64> {
    let mut peer = Command::new(python);
    peer.args(["-c", script])
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = spawn_blocking(move || peer.output()).await??;
    ensure!(
        output.status.success(),
        "a peer ended with {}",
        output.status
    );
    let told = String::from_utf8(output.stdout)?;
    let peak = told.lines().last().context("a peer told nothing")?;
    Ok(peak.trim().parse()?)
}
