//! Files that survive a power failure.
//!
//! The only place that calls `fsync` and `rename`, except for the spool's messages and the file of failed lines. A
//! reader of a file written here finds either the old content or the new one, complete, whenever the writer or the
//! machine stopped. Once [`replace`] has returned, it finds the new one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Replaces whatever is at `path` by a file of `bytes` with this `mode`. If it fails, `path` is unchanged.
///
/// # Errors
/// Those of the file system. None is ignored and none is retried: data that a failed `fsync` lost stays lost.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let (dir, mut name) = hidden(path)?;
    name.push(format!("{:016x}", RandomState::new().hash_one(0u8)));
    let temporary = dir.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let replaced = file
        .write_all(bytes)
        .and_then(|()| put(&file, &temporary, path, mode));
    if replaced.is_err() {
        // The operation failed already, and nothing more can be done about the temporary file.
        let _ = fs::remove_file(&temporary);
    }
    replaced?;
    File::open(dir)?.sync_all()
}

/// Moves the `file` called `temporary`, which has been written, to `path`.
fn put(file: &File, temporary: &Path, path: &Path, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

/// The temporary files beside `path` that runs of this `owner` left when they were stopped within [`replace`], newest
/// first. No such run may be active: the caller holds a lock.
///
/// # Errors
/// Those of the file system.
pub(crate) fn interrupted(path: &Path, owner: u32) -> io::Result<Vec<PathBuf>> {
    let (dir, start) = hidden(path)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let random = name.as_bytes().strip_prefix(start.as_bytes());
        if !random.is_some_and(|r| r.len() == 16 && r.iter().all(u8::is_ascii_hexdigit)) {
            continue;
        }
        let metadata = entry.metadata()?;
        if metadata.is_file() && metadata.uid() == owner {
            let file = (metadata.modified()?, entry.path());
            let newer = found.partition_point(|other| *other > file);
            found.insert(newer, file);
        }
    }
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Completes the replacement of `path` that left the file called `temporary`, as [`replace`] would have.
///
/// # Errors
/// As for [`replace`].
pub(crate) fn complete(temporary: &Path, path: &Path, mode: u32) -> io::Result<()> {
    put(&File::open(temporary)?, temporary, path, mode)?;
    let (dir, _) = hidden(path)?;
    File::open(dir)?.sync_all()
}

/// The directory of `path`, and the prefix of the names of its temporary files.
fn hidden(path: &Path) -> io::Result<(&Path, OsString)> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut start = OsString::from(".");
    start.push(name);
    start.push(".");
    let dir = match dir.as_os_str().is_empty() {
        true => Path::new("."),
        false => dir,
    };
    Ok((dir, start))
}
