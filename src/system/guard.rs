//! Files and directories that others could have put in our way.
//!
//! What we keep is used only where nobody but us could have put it: in a directory that is ours alone. Before anything
//! is opened as a lock, a cache entry or a message it is seen to be a regular file, because opening a FIFO would hang,
//! and a link could lead anywhere. It knows neither what the files are for nor how messages name them.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What a lock, a cache entry or a message has to be.
pub(crate) const NO_FILE: &str = "it is not a file";

/// The user that this process acts as. The owner of a pipe that it makes: the standard library has no other word for it.
pub(crate) fn user() -> io::Result<u32> {
    let (pipe, _) = io::pipe()?;
    Ok(File::from(OwnedFd::from(pipe)).metadata()?.uid())
}

/// Why a directory must not be used, and the remedy.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Reads after the directory's name.
    pub(crate) why: &'static str,
    /// What to do about it, in the imperative.
    pub(crate) remedy: String,
}

/// Why others than `owner` could put a file or a link into `dir`, if they could. The `metadata` is that of `dir` itself,
/// not of what a link points to.
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
            format!("look into it, then: chmod 700 '{}'", dir.display()),
        )
    } else {
        return None;
    };
    Some(Refusal { why, remedy })
}

/// Whether others may write to it.
pub(crate) fn is_exposed(metadata: &Metadata) -> bool {
    metadata.mode() & 0o022 != 0
}

/// Opens the file at `path` for reading, and tells its metadata; or says why it cannot be one of ours.
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

/// Opens the lock file at `path`, which is made if it is missing, for this user alone. What counts is the kernel's lock
/// on it.
///
/// # Errors
/// Those of the file system, and [`io::ErrorKind::InvalidInput`] for what is not a file.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, NO_FILE)),
        // Reading too, because to open for writing alone a FIFO that came meanwhile would wait for a reader.
        _ => OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path),
    }
}
