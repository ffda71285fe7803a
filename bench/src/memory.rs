//! The resident memory of a process.

use std::fs;

use anyhow::Context;

/// Begins to watch anew.
pub fn forget_peak(pid: u32) -> anyhow::Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// In KiB, since the process began or its peak was forgotten.
pub fn peak_kib(pid: u32) -> anyhow::Result<u64> {
    kib(pid, "VmHWM:")
}

/// In KiB, now.
pub fn now_kib(pid: u32) -> anyhow::Result<u64> {
    kib(pid, "VmRSS:")
}

fn kib(pid: u32, what: &'static str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context(what)?.parse()?)
}
