//! A directory below the one the operator allows.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::ledger::Entry;
use super::{Destination, Existing, Reader, key};
use crate::domain::{Failure, FailureKind, Origin};
use crate::failpoints::step;

/// A directory below the operator's root.
#[derive(Debug, Clone)]
pub struct LocalPlace {
    root: PathBuf,
    path: String,
}

#[derive(Clone, Copy)]
enum Missing {
    Create,
    Refuse,
}

impl LocalPlace {
    /// The directory `path` (slashes around it mean nothing) below `root`. Nothing is created before it is needed.
    ///
    /// # Errors
    /// When `path` could lead out of `root`.
    pub fn new(root: PathBuf, path: &str) -> Result<Self, Failure> {
        let path = key::prefix(path)?;
        Ok(Self { root, path })
    }

    pub(super) async fn begin(&self, key: &str, to: &Destination) -> Result<LocalUpload, Failure> {
        let hidden = Hidden::name();
        let entry = Entry::make(to.ledger.as_ref(), key, &hidden).await?;
        let (place, key, existing) = (self.clone(), key.to_owned(), to.existing);
        let upload = off_thread(move || {
            let (directories, name) = key.rsplit_once('/').unwrap_or(("", &key));
            let directory = place.directory(directories, Missing::Create)?;
            let visible = directory.join(name);
            let location = place.locate(&key);
            match (visible.symlink_metadata(), existing) {
                (Ok(_), Existing::Keep) => return Err(super::taken(&location)),
                (Ok(there), Existing::Replace) if there.is_dir() => {
                    return Err(is_folder(&location));
                }
                _ => {}
            }
            let hidden = Hidden::create(directory.join(hidden))
                .map_err(|cause| failure(&cause, &location))?;
            Ok(LocalUpload {
                hidden,
                visible,
                location,
                existing,
                entry,
            })
        })
        .await?;
        step("a file is begun");
        Ok(upload)
    }

    /// Removes a hidden file; that it is not there is fine.
    pub(super) async fn withdraw(&self, key: &str, hidden: &str) -> Result<(), Failure> {
        let (place, key, hidden) = (self.clone(), key.to_owned(), hidden.to_owned());
        off_thread(move || {
            let (directories, _) = key.rsplit_once('/').unwrap_or(("", &key));
            if !Hidden::is_name(&hidden) {
                return Err(Failure::internal());
            }
            let directory = place.directory(directories, Missing::Refuse);
            let directory = directory.map_err(|failure| match failure.kind {
                FailureKind::NotFound => is_away(&place.locate(directories)),
                _ => failure,
            })?;
            match fs::remove_file(directory.join(hidden)) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    Err(failure(&cause, &place.locate(&key)))
                }
                _ => Ok(()),
            }
        })
        .await
    }

    pub(super) async fn check(&self) -> Result<(), Failure> {
        let place = self.clone();
        off_thread(move || {
            let directory = place.directory("", Missing::Create)?;
            let probe = Hidden::create(directory.join(Hidden::name())).and_then(|hidden| {
                (&*hidden.file).write_all(b"probe")?;
                hidden.file.sync_all()
            });
            probe.map_err(|cause| failure(&cause, &place.locate("")))
        })
        .await
    }

    pub(super) async fn open(&self, key: &str) -> Result<(u64, Reader), Failure> {
        let (place, key) = (self.clone(), key.to_owned());
        off_thread(move || {
            let location = place.locate(&key);
            let told = |cause: io::Error| failure(&cause, &location);
            let (directories, name) = key.rsplit_once('/').unwrap_or(("", &key));
            let directory = place.directory(directories, Missing::Refuse)?;
            let path = directory.join(name);
            let found = path.symlink_metadata().map_err(told)?;
            if !found.is_file() {
                return Err(told(io::ErrorKind::NotFound.into()));
            }
            let file = File::open(&path).map_err(told)?;
            let bytes = file.metadata().map_err(told)?.len();
            let reader: Reader = Box::pin(tokio::fs::File::from_std(file));
            Ok((bytes, reader))
        })
        .await
    }

    pub(super) fn locate(&self, key: &str) -> String {
        let below = key::below(&self.path, key);
        self.root.join(below).display().to_string()
    }

    /// The real directory, every step of which was seen to stay below the root.
    fn directory(&self, below: &str, missing: Missing) -> Result<PathBuf, Failure> {
        let location = self.locate(below);
        let told = |cause: io::Error| failure(&cause, &location);
        if matches!(missing, Missing::Create) {
            fs::create_dir_all(&self.root).map_err(told)?;
        }
        let root = fs::canonicalize(&self.root).map_err(told)?;
        let mut reached = root.clone();
        let parts = self.path.split('/').chain(below.split('/'));
        for part in parts.filter(|part| !part.is_empty()) {
            let next = reached.join(part);
            if matches!(missing, Missing::Create) && next.symlink_metadata().is_err() {
                create_directory(&next, &reached).map_err(told)?;
            }
            // A link that leads nowhere ends here too.
            let real = fs::canonicalize(&next).map_err(told)?;
            if !real.starts_with(&root) {
                return Err(leads_out(&location));
            }
            reached = real;
        }
        Ok(reached)
    }
}

fn create_directory(path: &Path, parent: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        // Somebody else was faster.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(cause),
        Ok(()) => sync_directory(parent),
    }
}

/// Makes the names in a directory survive a loss of power.
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// A file under a name that listings leave out; removed when dropped.
#[derive(Debug)]
struct Hidden {
    path: PathBuf,
    file: Arc<File>,
}

impl Hidden {
    fn name() -> String {
        format!(".{}.part", Uuid::now_v7().simple())
    }

    fn is_name(name: &str) -> bool {
        let inner = name
            .strip_prefix('.')
            .and_then(|name| name.strip_suffix(".part"));
        inner.is_some_and(|inner| Uuid::try_parse(inner).is_ok())
    }

    fn create(path: PathBuf) -> io::Result<Self> {
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Self {
            path,
            file: Arc::new(file),
        })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Err(cause) = fs::remove_file(&self.path)
            && cause.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %cause, "an unfinished file could not be removed");
        }
    }
}

/// A local file on its way.
#[derive(Debug)]
pub(super) struct LocalUpload {
    hidden: Hidden,
    visible: PathBuf,
    location: String,
    existing: Existing,
    entry: Entry,
}

impl LocalUpload {
    pub(super) async fn write(&mut self, chunk: Bytes) -> Result<(), Failure> {
        let file = Arc::clone(&self.hidden.file);
        let written = off_thread(move || Ok((&*file).write_all(&chunk))).await?;
        written.map_err(|cause| failure(&cause, &self.location))
    }

    pub(super) async fn finish(mut self) -> Result<(), Failure> {
        let entry = std::mem::take(&mut self.entry);
        off_thread(move || {
            let told = |cause: io::Error| match cause.kind() {
                io::ErrorKind::AlreadyExists => super::taken(&self.location),
                _ => failure(&cause, &self.location),
            };
            self.hidden.file.sync_all().map_err(told)?;
            match self.existing {
                Existing::Keep => publish(&self.hidden.path, &self.visible).map_err(told)?,
                // Whoever opens the name finds the old file or the new one, never nothing.
                Existing::Replace => fs::rename(&self.hidden.path, &self.visible).map_err(told)?,
            }
            if let Some(directory) = self.visible.parent() {
                sync_directory(directory).map_err(told)?;
            }
            Ok(())
        })
        .await?;
        entry.end().await;
        Ok(())
    }
}

/// Gives a finished file its name, unless the name is taken. A rename would silently replace; a second link does not.
fn publish(hidden: &Path, visible: &Path) -> io::Result<()> {
    match fs::hard_link(hidden, visible) {
        Err(cause) if is_without_links(&cause) => {
            if visible.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(hidden, visible)
        }
        linked => linked,
    }
}

fn is_without_links(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    )
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Failure::internal()))
}

/// A disk that is not mounted here, or not yet, looks as if its files were gone.
fn is_away(location: &str) -> Failure {
    Failure::passing(
        Origin::Destination,
        FailureKind::Unavailable,
        format!("{location}: the folder is not there."),
    )
}

fn is_folder(location: &str) -> Failure {
    Failure::lasting(
        Origin::Destination,
        FailureKind::Misconfigured,
        format!("{location}: there is a folder of this name. Remove it, or choose another path."),
    )
}

fn leads_out(location: &str) -> Failure {
    Failure::lasting(
        Origin::Configuration,
        FailureKind::PermissionDenied,
        format!("{location} leads out of the directory that the operator allows for exports."),
    )
}

fn failure(cause: &io::Error, location: &str) -> Failure {
    let lasting = |kind, what: &str| {
        Failure::lasting(Origin::Destination, kind, format!("{location}: {what}"))
    };
    match cause.kind() {
        io::ErrorKind::NotFound => lasting(FailureKind::NotFound, "there is no such file."),
        io::ErrorKind::PermissionDenied => lasting(
            FailureKind::PermissionDenied,
            "the rail may not do this here. Give its user the right to read and write in the export directory.",
        ),
        io::ErrorKind::ReadOnlyFilesystem => lasting(
            FailureKind::PermissionDenied,
            "the file system is read-only. Choose another export directory.",
        ),
        io::ErrorKind::IsADirectory => is_folder(location),
        io::ErrorKind::NotADirectory => lasting(
            FailureKind::Misconfigured,
            "a part of this path is a file. Choose another path.",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::passing(
            Origin::Destination,
            FailureKind::Unavailable,
            format!("{location}: the disk is full. Make room in the export directory."),
        ),
        _ => {
            tracing::warn!(location, %cause, "a local file could not be read or written");
            Failure::passing(
                Origin::Destination,
                FailureKind::Unavailable,
                format!("{location}: {cause}."),
            )
        }
    }
}

#[cfg(test)]
mod tests;
