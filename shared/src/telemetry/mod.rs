//! Structured logs on standard error: text for people, JSON for machines.

mod lines;
mod plain;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::domain::Clock;
use lines::Lines;
use plain::Plain;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logging, as long as the process works: when it ends, this is dropped, and what is still to be written is written.
#[must_use = "lines wait for a moment to be written, and are lost when the process ends before"]
pub struct Logging(Lines);

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.gather_no_more();
    }
}

/// Starts logging for the whole process. `filter` is in the form of `RUST_LOG`, for example `info,rail_shared=debug`.
/// Warnings and errors are written at once, other lines within some milliseconds.
///
/// # Errors
/// When the filter cannot be read or logging was started already; the text says which.
pub fn start(filter: &str, format: LogFormat) -> Result<Logging, String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let gathered = Lines::gathered(std::io::stderr()).map_err(|error| error.to_string())?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(gathered.clone())
        .with_ansi(std::io::stderr().is_terminal())
        .with_span_events(FmtSpan::NONE)
        .with_target(true);
    let started = match format {
        LogFormat::Text if std::io::stderr().is_terminal() => lines.try_init(),
        LogFormat::Text => lines.event_format(Plain(Clock::system())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started
        .map(|()| Logging(gathered))
        .map_err(|error| error.to_string())
}
