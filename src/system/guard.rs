//! Protection against files and directories that another user could have placed.
//!
//! Our files are used only if no other user could have placed them: in a directory that only we can write to. Before
//! anything is opened as a lock, a cache entry or a message, it must be a regular file, because opening a FIFO would
//! block, and a link could lead anywhere. This module knows neither what the files are for nor how messages name them.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Why something cannot be a lock, a cache entry or a message.
pub(crate) const NO_FILE: &str = "it is not a file";

/// The user that this process runs as, which owns any pipe that it creates: std has no direct way to ask.
pub(crate) fn user() -> io::Result<u32> {
    let (pipe, _) = io::pipe()?;
    Ok(File::from(OwnedFd::from(pipe)).metadata()?.uid())
}

/// Why a directory must not be used, with a remedy.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Continues the directory's name.
    pub(crate) why: &'static str,
    /// The remedy, in the imperative.
    pub(crate) remedy: String,
}

/// Why users other than `owner` could place a file or a link in `dir`, if they could. `metadata` is that of `dir`
/// itself, not that of a link's target.
pub(crate) fn refusal(dir: &Path, metadata: &Metadata, owner: u32) -> Option<Refusal> {
    let (why, remedy) = if metadata.is_symlink() {
        ("it is a symbolic link", "use the directory itself".into())
    } else if !metadata.is_dir() {
        (
            "it is not a directory",
            "name a directory of its own".into(),
        )
    } else if metadata.uid() != owner {
        (
            "it belongs to another user",
            "run authpost as that user, or name another directory".into(),
        )
    } else if is_exposed(metadata) {
        (
            "its group or everybody may write to it",
            format!("inspect it, then: chmod 700 '{}'", dir.display()),
        )
    } else {
        return None;
    };
    Some(Refusal { why, remedy })
}

/// Whether other users may write to it.
pub(crate) fn is_exposed(metadata: &Metadata) -> bool {
    metadata.mode() & 0o022 != 0
}

/// Opens the file at `path` for reading, and returns it with its metadata, or why it cannot be one of ours.
///
/// # Errors
/// Those of the file system.
pub(crate) fn open_own(
    path: &Path,
    owner: u32,
) -> io::Result<Result<(File, Metadata), &'static str>> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Ok(Err(NO_FILE));
    }
    if metadata.uid() != owner {
        return Ok(Err("it belongs to another user"));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    Ok(Ok((file, metadata)))
}

/// Opens the lock file at `path`. A missing file is created, accessible only to this user. What counts is the kernel's
/// lock on it.
///
/// # Errors
/// Those of the file system, and [`io::ErrorKind::InvalidInput`] if it is not a file.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, NO_FILE)),
        // Opened for reading too: opening only for writing would block if a FIFO had replaced the file.
        _ => OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path),
    }
}
