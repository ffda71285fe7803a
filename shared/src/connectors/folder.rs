//! The operator's own connectors: a folder of catalogue files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use super::catalogue::FILES;
use super::connector::Connector;
use super::invalid::{FileFault, InvalidFile};
use super::outline::Outline;

/// A folder of catalogue files, as it was last seen.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    base_urls: BTreeMap<String, String>,
    /// In the order of their names.
    files: BTreeMap<PathBuf, Seen>,
    /// What went wrong with the folder itself, so that it is told once.
    trouble: Option<String>,
    generation: u64,
}

/// A file as it was last seen.
#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    /// Its last version that could be used.
    connector: Option<Connector>,
}

/// What differs between two versions of a file.
type Stamp = (Option<SystemTime>, u64);

/// A file, or the folder itself, that cannot be used.
#[derive(Debug)]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub invalid: InvalidFile,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.invalid.told(&self.path))
    }
}

impl std::error::Error for FileError {}

impl Folder {
    pub(super) fn new(path: &Path, base_urls: BTreeMap<String, String>) -> Self {
        Self {
            path: path.to_owned(),
            base_urls,
            files: BTreeMap::new(),
            trouble: None,
            generation: 0,
        }
    }

    /// Counts the times at which its connectors changed.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Its connectors.
    pub(super) fn connectors(&self) -> impl Iterator<Item = Connector> {
        self.files
            .values()
            .filter_map(|seen| seen.connector.clone())
    }

    /// Their ids.
    pub(super) fn ids(&self) -> Vec<&str> {
        let connectors = self
            .files
            .values()
            .filter_map(|seen| seen.connector.as_ref());
        connectors.map(Connector::id).collect()
    }

    /// Reads what is new; returns what is wrong with it.
    pub(super) fn look(&mut self) -> Vec<FileError> {
        let stamps = match stamps(&self.path) {
            Ok(stamps) => stamps,
            Err(error) => return self.troubled(&error),
        };
        self.trouble = None;
        let before = self.files.len();
        self.files.retain(|path, _| stamps.contains_key(path));
        if self.files.len() != before {
            self.generation += 1;
        }
        let mut errors = Vec::new();
        for (path, stamp) in stamps {
            if self
                .files
                .get(&path)
                .is_some_and(|seen| seen.stamp == stamp)
            {
                continue;
            }
            let connector = match self.read(&path) {
                Ok(connector) => {
                    self.generation += 1;
                    Some(connector)
                }
                Err(invalid) => {
                    errors.push(FileError {
                        path: path.clone(),
                        invalid,
                    });
                    self.files.remove(&path).and_then(|seen| seen.connector)
                }
            };
            self.files.insert(path, Seen { stamp, connector });
        }
        errors
    }

    fn read(&self, path: &Path) -> Result<Connector, InvalidFile> {
        let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
        let connector = read_file(&text, &self.base_urls)?;
        let namesake = self.files.iter().find(|(other, seen)| {
            let other_id = seen.connector.as_ref().map(Connector::id);
            *other != path && other_id == Some(connector.id())
        });
        match namesake {
            None => Ok(connector),
            Some((other, _)) => {
                let what = format!("{} is also the id in {}", connector.id(), other.display());
                Err(at_id(&text, what))
            }
        }
    }

    fn troubled(&mut self, error: &io::Error) -> Vec<FileError> {
        let told = Some(error.to_string());
        if self.trouble == told {
            return Vec::new();
        }
        self.trouble = told;
        vec![FileError {
            path: self.path.clone(),
            invalid: unreadable(error),
        }]
    }
}

/// Reads a file that an operator wrote.
///
/// # Errors
/// Every fault of it.
pub(super) fn read_file(
    text: &str,
    base_urls: &BTreeMap<String, String>,
) -> Result<Connector, InvalidFile> {
    let read = Connector::parse(text, None);
    let connector = read.map_err(|mut invalid| {
        invalid.faults.extend(id_faults(text));
        InvalidFile::new(invalid.faults)
    })?;
    let faults = id_faults(text);
    if !faults.is_empty() {
        return Err(InvalidFile::new(faults));
    }
    match base_urls.get(connector.id()) {
        Some(base_url) => Connector::parse(text, Some(base_url)),
        None => Ok(connector),
    }
}

/// What is wrong with the id in a text.
fn id_faults(text: &str) -> Vec<FileFault> {
    let id = text.parse::<toml::Table>().ok();
    let id = id.and_then(|table| Some(table.get("id")?.as_str()?.to_owned()));
    let Some(id) = id else {
        return Vec::new();
    };
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if id.is_empty() || !id.bytes().all(is_word) {
        let what = "an id consists of lower-case letters, digits and underscores";
        return at_id(text, what.to_owned()).faults;
    }
    if FILES.iter().any(|(built_in, _)| *built_in == id) {
        let what = format!("{id} is built in and cannot be replaced; give yours another id");
        return at_id(text, what).faults;
    }
    Vec::new()
}

fn at_id(text: &str, what: String) -> InvalidFile {
    let fault = match Outline::parse(text) {
        Ok(outline) => outline.at_key("id", what),
        Err(_) => FileFault { line: None, what },
    };
    InvalidFile::new(vec![fault])
}

fn unreadable(error: &io::Error) -> InvalidFile {
    InvalidFile::new(vec![FileFault {
        line: None,
        what: format!("cannot be read: {error}"),
    }])
}

/// The catalogue files of a folder: what ends in `.toml` and is not hidden.
fn stamps(folder: &Path) -> io::Result<BTreeMap<PathBuf, Stamp>> {
    let mut stamps = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden || path.extension() != Some(OsStr::new("toml")) {
            continue;
        }
        // One that vanished meanwhile is not there.
        if let Ok(metadata) = fs::metadata(&path) {
            stamps.insert(path, (metadata.modified().ok(), metadata.len()));
        }
    }
    Ok(stamps)
}
