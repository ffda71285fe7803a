//! What is wrong with a catalogue file, and where.

use std::fmt;
use std::path::Path;

/// Why a catalogue file cannot be used: every fault that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFile {
    /// In the order of their lines.
    pub faults: Vec<FileFault>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileFault {
    /// Counted from 1; absent where the fault is of the file as a whole.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl InvalidFile {
    pub(super) fn new(mut faults: Vec<FileFault>) -> Self {
        faults.sort();
        faults.dedup();
        Self { faults }
    }

    /// Every fault on a line of its own, after the file's name as editors and shells write places: `acme.toml:12: …`.
    #[must_use]
    pub fn told(&self, path: &Path) -> String {
        let path = path.display();
        let faults = self.faults.iter().map(|fault| match fault.line {
            Some(line) => format!("{path}:{line}: {}", fault.what),
            None => format!("{path}: {}", fault.what),
        });
        faults.collect::<Vec<_>>().join("\n")
    }

    /// What TOML's own reader says of this text.
    pub(super) fn of_format(error: &toml::de::Error, text: &str) -> Self {
        let fault = FileFault {
            line: error.span().map(|span| line_at(text, span.start)),
            what: error.message().replace('\n', ", "),
        };
        Self {
            faults: vec![fault],
        }
    }
}

impl fmt::Display for InvalidFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        f.write_str(&faults.join("\n"))
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for InvalidFile {}

/// The line of a place in a text.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}
